"""What a caller wants, from words: examples that operators edit become a model when a config is loaded.

`IntentModel.fit` learns sub-intents from examples (`fitting`), one `LexicalModel` per language; `predict`
gives calibrated probabilities of intents and, summed, of destinations in about 0.1 ms, hard words and key
phrases (`phrases`) included. Where somebody has a sentence encoder's vector of the text, that counts too
(`sentences`). `normalise` brings examples and recognised text to the same form.
"""

from router.intent.model import HeldOut, IntentModel, IntentPosterior, stored_file
from router.intent.normalise import normalise, spoken
from router.intent.phrases import HardWord
from router.intent.sentences import SentenceEncoder

__all__ = [
    "HardWord",
    "HeldOut",
    "IntentModel",
    "IntentPosterior",
    "SentenceEncoder",
    "normalise",
    "spoken",
    "stored_file",
]
