"""A fitted model as one ONNX file: standardise, limit, two layers, scale, and how familiar the row is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emotion.functionals import FEATURES, FEATURES_HASH
from emotion.model import OUTPUTS
from emotion.training.fit import LIMIT_SD, TARGETS, ToneFit

# Operators and file format that onnxruntime 1.20 and all later ones read.
OPSET = 17
IR_VERSION = 8


def export(fit: ToneFit, path: Path, *, version: str, prior: float, corpora: str) -> None:
    """Write `fit` to `path`: input `features` (n, d) float32, output `tone` (n, 4) float32 in the order of OUTPUTS."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    width = len(FEATURES)
    committees = [fit.committees[target] for target in TARGETS]
    units = [len(c.hidden_b) for c in committees]
    out_w = np.zeros((sum(units), len(TARGETS)))
    at = 0
    for column, committee in enumerate(committees):
        # The scale of the probabilities is folded into the last layer.
        out_w[at : at + units[column], column] = committee.out_w * fit.scales[TARGETS[column]].slope
        at += units[column]
    constants = {
        "mean": fit.scaler.mean,
        "factor": 1.0 / fit.scaler.deviation,
        "low": np.array(-LIMIT_SD),
        "high": np.array(LIMIT_SD),
        "hidden_w": np.concatenate([c.hidden_w for c in committees], axis=1),
        "hidden_b": np.concatenate([c.hidden_b for c in committees]),
        "out_w": out_w,
        "out_b": np.array(
            [c.out_b * fit.scales[t].slope + fit.scales[t].shift for c, t in zip(committees, TARGETS, strict=True)]
        ),
        "free": np.array(2.5),
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
        node("Sigmoid", ["logits"], ["probabilities"]),
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
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("tone", TensorProto.FLOAT, ["n", len(OUTPUTS)])],
        [numpy_helper.from_array(np.asarray(value, dtype=np.float32), name) for name, value in constants.items()],
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
        },
    )
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
