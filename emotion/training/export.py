"""A fitted model as one ONNX file: standardise, limit, two layers, scale, and how familiar the row is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from emotion.baseline import CalmSpeech
from emotion.functionals import FEATURES, FEATURES_HASH
from emotion.model import OUTPUTS
from emotion.training.calibrate import Scale
from emotion.training.fit import ANGER_BY_CATEGORY, FREE_SD, LIMIT_SD, TARGETS, ToneFit

# Operators and file format that onnxruntime 1.20 and all later ones read.
OPSET = 17
IR_VERSION = 8


def export(
    fit: ToneFit,
    scales: Mapping[str, Scale],
    path: Path,
    *,
    version: str,
    prior: float,
    corpora: str,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write `fit` to `path`: input `features` (n, d) float32, output `tone` (n, 4) float32 in the order of OUTPUTS.

    `facts` are further ones for the file's metadata. The categories' logits stay inside; they enter into anger.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    hidden_w, hidden_b, out_w, out_b = fit.networks.side_by_side()
    targets = len(TARGETS)
    by_category = fit.categories[:1] == ("anger",)
    constants = {
        "mean": fit.scaler.mean,
        "factor": 1.0 / fit.scaler.deviation,
        "low": np.array(-LIMIT_SD),
        "high": np.array(LIMIT_SD),
        "hidden_w": hidden_w,
        "hidden_b": hidden_b,
        "out_w": out_w if by_category else out_w[:, :targets],
        "out_b": out_b if by_category else out_b[:targets],
        "slope": np.array([scales[target].slope for target in TARGETS]),
        "shift": np.array([scales[target].shift for target in TARGETS]),
        "free": np.array(FREE_SD),
        "half": np.array(fit.half_distance),
    }
    node = helper.make_node
    nodes = [
        node("Sub", ["features", "mean"], ["centred"]),
        node("Mul", ["centred", "factor"], ["standard"]),
        node("Clip", ["standard", "low", "high"], ["limited"]),
        node("Gemm", ["limited", "hidden_w", "hidden_b"], ["hidden"]),
        node("Relu", ["hidden"], ["active"]),
        node("Gemm", ["active", "out_w", "out_b"], ["logits"]),
    ]
    heard = "logits"
    lengths: dict[str, list[int]] = {}
    if by_category:
        heard = "both"
        lengths["widths"] = [targets, 1, len(fit.categories) - 1]
        # Nothing is added to arousal and valence.
        constants["share"] = np.array([ANGER_BY_CATEGORY if target == "anger" else 0.0 for target in TARGETS])
        nodes += [
            node("Split", ["logits", "widths"], ["direct", "angry", "feelings"], axis=1),
            node("ReduceLogSumExp", ["feelings"], ["any"], axes=[1], keepdims=1),
            node("Sub", ["angry", "any"], ["against"]),
            node("Mul", ["against", "share"], ["added"]),
            node("Add", ["direct", "added"], [heard]),
        ]
    nodes += [
        node("Mul", [heard, "slope"], ["scaled"]),
        node("Add", ["scaled", "shift"], ["shifted"]),
        node("Sigmoid", ["shifted"], ["probabilities"]),
        node("Abs", ["standard"], ["away"]),
        node("Sub", ["away", "free"], ["over"]),
        node("Relu", ["over"], ["beyond"]),
        node("ReduceMean", ["beyond"], ["excess"], axes=[1], keepdims=1),
        node("Add", ["excess", "half"], ["sum"]),
        node("Div", ["half", "sum"], ["familiarity"]),
        node("Concat", ["probabilities", "familiarity"], ["tone"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tone",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(FEATURES)])],
        [helper.make_tensor_value_info("tone", TensorProto.FLOAT, ["n", len(OUTPUTS)])],
        [
            *(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name) for name, value in constants.items()),
            *(numpy_helper.from_array(np.asarray(value, dtype=np.int64), name) for name, value in lengths.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="nabra")
    model.ir_version = IR_VERSION
    helper.set_model_props(
        model,
        {
            "nabra.features": FEATURES_HASH,
            "nabra.outputs": ",".join(OUTPUTS),
            "nabra.version": version,
            "nabra.prior": repr(prior),
            "nabra.trained_on": corpora,
            **({} if fit.calm is None else {"nabra.calm": _calm(fit.calm)}),
            **(facts or {}),
        },
    )
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


def _calm(calm: CalmSpeech) -> str:
    """Calm speech as `ToneModel` reads it; seven digits are what the model itself computes with."""
    return json.dumps(
        {
            name: [float(f"{value:.7g}") for value in getattr(calm, name).tolist()]
            for name in ("centre", "deviation", "most")
        }
    )
