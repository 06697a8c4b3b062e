"""What can go wrong in this room.

EmotionError
+-- SamplesError        samples of the wrong type, shape or rate were pushed
+-- FeatureError        features of the wrong shape were given to the model
+-- ModelError          a model file that cannot be used
|   +-- ModelMissing    it is not there
|   +-- ModelMismatch   it was trained on other features than this version computes
+-- CorpusError         training data that cannot be used
"""

from __future__ import annotations


class EmotionError(Exception):
    """Root of every error that this room raises on purpose."""


class SamplesError(EmotionError):
    """Samples are not a 1-D C-contiguous int16 array."""


class FeatureError(EmotionError):
    """Features are not a finite two-dimensional array of the model's width."""


class ModelError(EmotionError):
    """A model file cannot be used."""


class ModelMissing(ModelError):
    """The model file is not there."""


class ModelMismatch(ModelError):
    """The model was trained on other features than this version computes."""


class CorpusError(EmotionError):
    """Training data is missing or malformed."""
