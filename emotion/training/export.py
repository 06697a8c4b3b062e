"""A fitted model as one ONNX file: standardise, limit, two layers, scale, and how familiar the row is.

Beside it the heads of the sequence networks, and their layers over steps, which each call runs for itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from emotion.baseline import CalmSpeech
from emotion.functionals import FEATURES, FEATURES_HASH
from emotion.model import LAYERS, OUTPUTS
from emotion.training.beside import AROUSAL, Beside
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
    beside: Beside | None = None,
) -> None:
    """Write `fit` to `path`: input `features` (n, d) float32, output `tone` (n, 4) float32 in the order of OUTPUTS.

    `facts` are further ones for the file's metadata. With `beside` there is an output `feelings` (n, categories), and
    where it has networks an input `pooled` (n, layers.pooled) and an output for each of LAYERS.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    hidden_w, hidden_b, out_w, out_b = fit.networks.side_by_side()
    targets = len(TARGETS)
    by_category = fit.categories[:1] == ("anger",)
    nets = None if beside is None else beside.nets
    constants = {
        "mean": fit.scaler.mean,
        "factor": 1.0 / fit.scaler.deviation,
        "low": np.array(-LIMIT_SD),
        "high": np.array(LIMIT_SD),
        "hidden_w": hidden_w,
        "hidden_b": hidden_b,
        "out_w": out_w,
        "out_b": out_b,
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
    inputs = {"features": len(FEATURES)}
    outputs: dict[str, Sequence[str | int]] = {"tone": ["n", len(OUTPUTS)]}
    lengths: dict[str, list[int]] = {}
    heard = "logits"
    if fit.categories:
        heard = "direct"
        lengths["widths"] = [targets, len(fit.categories)]
        nodes.append(node("Split", ["logits", "widths"], ["direct", "named"], axis=1))
    if by_category:
        heard = "both"
        lengths["angry_first"] = [1, len(fit.categories) - 1]
        # Nothing is added to arousal and valence.
        constants["share"] = np.array([ANGER_BY_CATEGORY if target == "anger" else 0.0 for target in TARGETS])
        nodes += [
            node("Split", ["named", "angry_first"], ["angry", "others"], axis=1),
            node("ReduceLogSumExp", ["others"], ["any"], axes=[1], keepdims=1),
            node("Sub", ["angry", "any"], ["against"]),
            node("Mul", ["against", "share"], ["added"]),
            node("Add", ["direct", "added"], [heard]),
        ]
    if beside is not None:
        told = ["named"]
        outputs["feelings"] = ["n", len(fit.categories)]
        if nets is not None:
            inputs["pooled"] = nets.layers.pooled
            lengths["nets"] = [nets.layers.pooled // len(nets.heads)] * len(nets.heads)
            lengths["arousal_first"] = [1, len(fit.categories)]
            nodes.append(node("Split", ["pooled", "nets"], [f"pooled_{i}" for i in range(len(nets.heads))], axis=1))
            asked = [AROUSAL, *range(targets, targets + len(fit.categories))]
            for i, head in enumerate(nets.heads):
                constants |= {f"head_w_{i}": head.hidden_w, f"head_b_{i}": head.hidden_b}
                constants |= {f"told_w_{i}": head.out_w[:, asked], f"told_b_{i}": head.out_b[asked]}
                nodes += [
                    node("Gemm", [f"pooled_{i}", f"head_w_{i}", f"head_b_{i}"], [f"head_{i}"]),
                    node("Relu", [f"head_{i}"], [f"head_active_{i}"]),
                    node("Gemm", [f"head_active_{i}", f"told_w_{i}", f"told_b_{i}"], [f"told_{i}"]),
                    node("Split", [f"told_{i}", "arousal_first"], [f"aroused_{i}", f"named_{i}"], axis=1),
                ]
                told.append(f"named_{i}")
            # Nothing is added to valence and anger.
            factor = beside.arousal / len(nets.heads)
            constants["beside"] = np.array([factor if target == "arousal" else 0.0 for target in TARGETS])
            nodes += [
                node("Sum", [f"aroused_{i}" for i in range(len(nets.heads))], ["aroused"]),
                node("Mul", ["aroused", "beside"], ["added_beside"]),
                node("Add", [heard, "added_beside"], ["with_networks"]),
            ]
            heard = "with_networks"
            for name in LAYERS:
                constants[f"its_{name}"] = getattr(nets.layers, name)
                outputs[name] = constants[f"its_{name}"].shape
                nodes.append(node("Identity", [f"its_{name}"], [name]))
        constants["sharpness"] = np.array(beside.sharpness / len(told))
        nodes += [
            node("Sum", told, ["named_by_all"]),
            node("Mul", ["named_by_all", "sharpness"], ["sharpened"]),
            node("Softmax", ["sharpened"], ["feelings"], axis=1),
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
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name, width in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
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
            **({} if beside is None else {"nabra.feelings": ",".join(fit.categories)}),
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
