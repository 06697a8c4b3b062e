"""The tone model: features in, probabilities out, many calls in one run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion.baseline import CalmSpeech
from emotion.errors import FeatureError, ModelError, ModelMismatch, ModelMissing
from emotion.functionals import FEATURES, FEATURES_HASH
from emotion.layout import LOOK_BACK, STEP_CHANNELS, STRIDE
from emotion.sequence import Layers

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

DEFAULT_MODEL = Path(__file__).parent / "models" / "tone.onnx"
OUTPUTS = ("arousal", "valence", "anger", "familiarity")
LAYERS = ("first_w", "first_b", "later_w", "later_b")
"""Outputs of the file that hold the layers of its sequence networks, as `Layers` names them."""


@dataclass(frozen=True, slots=True)
class Tones:
    """What the model says of n rows; every array has shape (n,), values 0..1.

    arousal, valence and anger are probabilities at the model's prior (`ToneModel.prior`): of high against
    low arousal, of pleasant against unpleasant, of anger against everything else. familiarity is near 1
    where the features look like those trained on and 0.5 or less where they are further out than 99 % of
    those. feelings, shape (n, len(`ToneModel.feelings`)), are probabilities that add up to 1, each feeling as
    likely as any other before anything is heard.
    """

    arousal: Singles
    valence: Singles
    anger: Singles
    familiarity: Singles
    feelings: Singles


class ToneModel:
    """A loaded model. Make one with `load`; calls share it (onnxruntime sessions are thread-safe).

    Attributes
    ----------
    model_id
        First 12 hex digits of the SHA-256 of the file: what a decision record names.
    version, trained_on
        Read from the file.
    prior
        Share of angry calls that the probabilities of anger assume.
    calm
        How calm speech sounds in the training data, which the caller's own baseline starts from; None where the
        model is meant to judge every voice by the same measure.
    layers
        What each call runs its steps through (`emotion.sequence`); None where the model has no sequence networks.
    feelings
        Names of what it tells apart, of `emotion.training.labels.EMOTIONS`; may be empty.
    """

    __slots__ = (
        "_session",
        "calm",
        "feelings",
        "layers",
        "model_id",
        "path",
        "prior",
        "trained_on",
        "version",
    )

    def __init__(self, session: Any, path: Path, model_id: str, facts: dict[str, str]) -> None:
        self._session = session
        self.path = path
        self.model_id = model_id
        self.prior = float(facts["nabra.prior"])
        if not 0.0 < self.prior < 1.0:
            raise ValueError(f"prior must lie between 0 and 1, not {self.prior}")
        self.calm = _calm(facts["nabra.calm"]) if "nabra.calm" in facts else None
        self.version = facts.get("nabra.version", "")
        self.trained_on = tuple(facts.get("nabra.trained_on", "").split(","))
        self.feelings = tuple(name for name in facts.get("nabra.feelings", "").split(",") if name)
        self.layers = _layers(session)

    @classmethod
    def load(cls, path: Path | None = None) -> ToneModel:
        """Load a model file (default: the one shipped) to run on one thread.

        Raises
        ------
        ModelMissing
            If the file is not there.
        ModelMismatch
            If it was trained on other features than this version computes.
        ModelError
            If it is not a tone model, or damaged.
        """
        import onnxruntime

        file = DEFAULT_MODEL if path is None else Path(path)
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ModelMissing(f"tone model {file} cannot be read: {error.strerror}") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises half a dozen unrelated classes on bad bytes
            raise ModelError(f"tone model {file} is not a readable ONNX file: {error}") from error
        facts = session.get_modelmeta().custom_metadata_map
        if "nabra.features" not in facts or facts.get("nabra.outputs") != ",".join(OUTPUTS):
            raise ModelError(f"{file} is an ONNX file but not a tone model of this project (no nabra.* facts in it)")
        if facts["nabra.features"] != FEATURES_HASH:
            raise ModelMismatch(
                f"tone model {file} was trained on features {facts['nabra.features']}, this version computes "
                f"{FEATURES_HASH}: use the model shipped with this version, or train again "
                "with nabra train"
            )
        try:
            return cls(session, file, hashlib.sha256(content).hexdigest()[:12], facts)
        except (KeyError, ValueError) as error:
            raise ModelError(f"tone model {file} states no usable prior, calm speech or layers: {error}") from error

    def predict(self, features: Floats | Singles, pooled: Singles | None = None) -> Tones:
        """Run the model once over the features of any number of calls.

        Parameters
        ----------
        features
            Shape (n, len(FEATURES)), finite, not standardised: rows from `SpeechWindow.features`.
        pooled
            Shape (n, layers.pooled), finite: rows from `Sequence.pooled`. Left out for a model without layers.

        Raises
        ------
        FeatureError
            If a shape is another one, or a value is not finite.
        ModelError
            If the model answers with a number that is not finite.
        """
        if features.ndim != 2 or features.shape[1] != len(FEATURES):
            raise FeatureError(f"features must have shape (n, {len(FEATURES)}), not {features.shape}")
        given = {"features": np.ascontiguousarray(features, dtype=np.float32)}
        if self.layers is not None:
            if pooled is None or pooled.shape != (len(features), self.layers.pooled):
                got = "nothing" if pooled is None else f"{pooled.shape}"
                raise FeatureError(f"what is pooled must have shape ({len(features)}, {self.layers.pooled}), not {got}")
            given["pooled"] = np.ascontiguousarray(pooled, dtype=np.float32)
        if not all(np.isfinite(rows).all() for rows in given.values()):
            raise FeatureError("features must be finite")
        tone, *more = self._session.run(["tone", "feelings"] if self.feelings else ["tone"], given)
        feelings = more[0] if more else np.zeros((len(tone), 0), dtype=np.float32)
        if not np.isfinite(tone).all() or not np.isfinite(feelings).all():
            raise ModelError(f"tone model {self.path} answers with numbers that are not finite")
        return Tones(tone[:, 0], tone[:, 1], tone[:, 2], tone[:, 3], feelings)


def _layers(session: Any) -> Layers | None:
    """The layers that a file holds, None where it has none; ValueError where they cannot be run."""
    if LAYERS[0] not in {output.name for output in session.get_outputs()}:
        return None
    widths = {one.name: one.shape[1] for one in session.get_inputs()}
    nothing = {name: np.zeros((0, width), dtype=np.float32) for name, width in widths.items()}
    try:
        layers = Layers(*(np.ascontiguousarray(held) for held in session.run(list(LAYERS), nothing)))
    except Exception as error:  # of whatever class onnxruntime raises
        raise ValueError(f"its layers cannot be read: {error}") from error
    count, nets, joined, units = layers.later_w.shape
    if (
        (count, joined) != (len(LOOK_BACK), 3 * units)
        or layers.first_w.shape != (STRIDE * STEP_CHANNELS, nets * units)
        or layers.first_b.shape != (nets * units,)
        or layers.later_b.shape != (count, nets * units)
        or widths.get("pooled") != layers.pooled
    ):
        raise ValueError("its layers do not fit the steps that this version takes")
    if not all(np.isfinite(getattr(layers, name)).all() for name in LAYERS):
        raise ValueError("its layers are not finite")
    return layers


def _calm(fact: str) -> CalmSpeech:
    """Calm speech from JSON with lists `centre`, `deviation` and `most`; ValueError or KeyError on anything else."""
    told = json.loads(fact)
    if not isinstance(told, dict):
        raise ValueError("calm speech is not a table")
    lists = [np.asarray(told[name], dtype=np.float64) for name in ("centre", "deviation", "most")]
    if any(numbers.shape != (len(FEATURES),) or not np.isfinite(numbers).all() for numbers in lists):
        raise ValueError(f"calm speech must have {len(FEATURES)} finite numbers of each kind")
    centre, deviation, most = lists
    if (deviation <= 0.0).any() or (most < 0.0).any():
        raise ValueError("deviations of calm speech must be above 0, limits 0 or more")
    return CalmSpeech(centre, deviation, most)


def at_prior(probability: float, prior: float, wanted: float) -> float:
    """Restate a probability that assumes `prior` for another share of positives, both in (0, 1)."""
    odds = probability / max(1.0 - probability, 1e-9) * (wanted / (1.0 - wanted)) / (prior / (1.0 - prior))
    return odds / (1.0 + odds)
