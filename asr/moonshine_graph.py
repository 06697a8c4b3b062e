"""Moonshine's two networks, rebuilt from the weights of a model directory as two lean graphs for onnxruntime.

The graphs that the published files carry spend most of a decoding step on bookkeeping: shapes, masks, padding and both
branches of a condition, for one token at a time; those of the base model also turn every weight back into floats at
every step. Here the same weights are read out of the files and put into graphs that have only the arithmetic in them:

- ``encoder``: samples to the keys and values that the decoder looks at, of every layer, at once;
- ``decoder``: any number of tokens behind any number of earlier ones, so that a guess at the next words is checked in
  one run instead of one run a word.

Matrices are 8 bit with a scale per column, activations are quantised as they come; convolutions are float.

Sources: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024; Su et al.,
"RoFormer", 2021 (rotary positions, here interleaved and over the first part of a head).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.errors import ModelInvalid, ModelMissing

Floats = npt.NDArray[np.float32]
ROTARY = 32
"""Leading dimensions of a head that turn with the position."""
NETWORKS = ("encoder_model", "decoder_model_merged")
"""Names of the published files, without their endings."""
LONGEST = 4096
"""Positions in the rotary tables: frames of the encoder (24 ms) or tokens."""
_EPSILON = 1e-5
_HEADS = 8
# Columns that are quantised at once: what fits into a cache.
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Graphs:
    """Both networks, ready for onnxruntime.

    Attributes
    ----------
    encoder : bytes
        Model from ``audio`` (1, samples) and ``positions`` (1, frames) to ``key.N`` and ``value.N`` of every layer N,
        each (1, heads, frames, head).
    decoder : bytes
        Model from ``embedded`` (1, tokens, width), ``positions`` (1, tokens), ``key.N``, ``value.N`` and the ``past.N``
        keys and values (1, heads, before, head) to ``logits`` (1, tokens, vocabulary) and the ``present`` ones.
    embedding : int8 or uint8 array, shape (vocabulary, width)
        Table of the tokens; ``scale`` times it plus ``offset`` is what the decoder takes.
    scale, offset : float
        See there.
    layers, heads, head : int
        Layers of the decoder, heads of a layer, width of a head.
    """

    encoder: bytes
    decoder: bytes
    embedding: npt.NDArray[Any]
    scale: float
    offset: float
    layers: int
    heads: int
    head: int


class _Weights:
    """What the nodes of a published graph are fed with, as floats."""

    def __init__(self, path: Path) -> None:
        self._made: dict[str, Any] = {}
        self._nodes: dict[str, Any] = {}
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        self._collect(_read(path).graph)

    def _collect(self, graph: Any) -> None:
        from onnx import numpy_helper

        for tensor in graph.initializer:
            self._arrays.setdefault(tensor.name, numpy_helper.to_array(tensor))
        for node in graph.node:
            self._nodes.setdefault(node.name, node)
            for output in node.output:
                self._made.setdefault(output, node)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    self._collect(attribute.g)

    def layers(self, prefix: str) -> int:
        """Count the layers under a prefix such as ``/layers.``."""
        numbers = [name[len(prefix) :].split("/")[0] for name in self._nodes if name.startswith(prefix)]
        return 1 + max((int(number) for number in numbers if number.isdigit()), default=-1)

    def array(self, *names: str) -> npt.NDArray[Any]:
        """Return the first of these arrays that there is."""
        for name in names:
            for full in (name, f"{name}_merged_0"):
                if full in self._arrays:
                    return self._arrays[full]
        raise ModelInvalid(f"the model has no {names[0]}: is it a Moonshine model?")

    def fed(self, node: str, position: int = 1) -> Floats:
        """Return the constant at an input of a node as floats."""
        if node not in self._nodes:
            raise ModelInvalid(f"the model has no {node}: is it a Moonshine model?")
        return self._folded(self._nodes[node].input[position])

    def matrix(self, *names: str) -> Floats:
        """Return the weights of a multiplication, shape (in, out), under the first of its names that there is."""
        for name in names:
            if f"{name}/MatMul" in self._nodes:
                node = self._nodes[f"{name}/MatMul"]
                return self._folded(next(i for i in reversed(node.input) if not i.startswith("/")))
            node = self._nodes.get(f"{name}/MatMul_quant")
            if node is not None:
                scale, zero = (2, 3) if node.op_type == "DynamicQuantizeMatMul" else (3, 5)
                stored = self._arrays[node.input[1]].astype(np.float32)
                weights: Floats = (stored - self._arrays[node.input[zero]].astype(np.float32)) * self._arrays[
                    node.input[scale]
                ]
                return weights
        raise ModelInvalid(f"the model has no {names[0]}: is it a Moonshine model?")

    def _folded(self, name: str) -> Floats:
        if name in self._arrays:
            return self._arrays[name].astype(np.float32)
        node = self._made[name]
        values = [self._folded(i) for i in node.input]
        if node.op_type == "Cast":
            return values[0]
        if node.op_type == "Transpose":
            return values[0].T
        if node.op_type in ("Add", "Mul"):
            return values[0] + values[1] if node.op_type == "Add" else values[0] * values[1]
        raise ModelInvalid(f"cannot read the weight {name} of the model")


def _read(path: Path) -> Any:
    """Return a published file, .onnx or .ort, as an onnx.ModelProto."""
    import onnx

    if path.suffix == ".onnx":
        return onnx.load(path)
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.optimized_model_filepath = str(Path(folder) / "model.onnx")
        options.add_session_config_entry("session.save_model_format", "ONNX")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


class _Builder:
    """Collects nodes and constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def op(self, kind: str, *inputs: str, outputs: int = 1, names: tuple[str, ...] = (), **attributes: Any) -> Any:
        from onnx import helper

        made = list(names) or [f"{kind}.{self._count}.{n}" for n in range(outputs)]
        self._count += 1
        ours = {"DynamicQuantizeMatMul", "SkipLayerNormalization", "RotaryEmbedding", "MultiHeadAttention", "QuickGelu"}
        domain = "com.microsoft" if kind in ours | {"Gelu"} else ""
        self.nodes.append(helper.make_node(kind, list(inputs), made, domain=domain, **attributes))
        return made[0] if len(made) == 1 else made

    def constant(self, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floats(self, value: npt.NDArray[Any]) -> str:
        return self.constant(value.astype(np.float32))

    def matrix(self, x: str, weights: Floats, bias: Floats | None = None) -> str:
        """Multiply by 8 bit weights with a scale per column."""
        scale = np.empty(weights.shape[1], np.float32)
        stored = np.empty(weights.shape, np.int8)
        for at in range(0, scale.size, _AT_ONCE):
            some = np.s_[at : at + _AT_ONCE]
            part = np.ascontiguousarray(weights[:, some])
            scale[some] = np.maximum(np.maximum(part.max(axis=0), -part.min(axis=0)) / 127, 1e-12)
            part /= scale[some]
            stored[:, some] = np.rint(part, out=part)
        inputs = [x, self.constant(stored), self.floats(scale), self.constant(np.zeros(scale.size, np.int8))]
        if bias is not None:
            inputs.append(self.floats(bias))
        return str(self.op("DynamicQuantizeMatMul", *inputs))

    def norm(self, x: str, gain: Floats) -> str:
        return str(self.op("LayerNormalization", x, self.floats(gain), epsilon=_EPSILON, axis=-1))

    def add_norm(self, x: str, more: str, gain: Floats) -> tuple[str, str]:
        """Return (norm of the sum, the sum)."""
        made = [f"sum.{self._count}.norm", "", "", f"sum.{self._count}.sum"]
        self.op("SkipLayerNormalization", x, more, self.floats(gain), names=tuple(made), epsilon=_EPSILON)
        return made[0], made[3]

    def rotary(self, x: str, tables: tuple[str, str]) -> str:
        turned = self.op(
            "RotaryEmbedding", x, "positions", *tables, interleaved=1, num_heads=_HEADS, rotary_embedding_dim=ROTARY
        )
        return str(turned)

    def tables(self) -> tuple[str, str]:
        angle = np.arange(LONGEST)[:, None] / 10_000.0 ** (np.arange(0, ROTARY, 2) / ROTARY)
        return self.floats(np.cos(angle)), self.floats(np.sin(angle))

    def split(self, x: str, parts: int) -> list[str]:
        made: list[str] = self.op("Split", x, outputs=parts, axis=-1, num_outputs=parts)
        return made

    def bytes(self, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]]) -> bytes:
        from onnx import TensorProto, helper

        def info(name: str, shape: list[Any]) -> Any:
            kind = TensorProto.INT64 if name == "positions" else TensorProto.FLOAT
            return helper.make_tensor_value_info(name, kind, shape)

        graph = helper.make_graph(
            self.nodes,
            "moonshine",
            [info(name, shape) for name, shape in inputs.items()],
            [info(name, shape) for name, shape in outputs.items()],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def build(path: Path) -> Graphs:
    """Read a model directory and build both graphs; takes about a second, so that moonshine_cache keeps them.

    Parameters
    ----------
    path : Path
        Directory with encoder_model and decoder_model_merged, .ort or .onnx.

    Raises
    ------
    ModelMissing, ModelInvalid
        Where a network is missing, or what is in it is not a Moonshine model.
    """
    encoder, decoder = (_Weights(model_file(path, name)) for name in NETWORKS)
    layers = decoder.layers("/model/decoder/layers.")
    table = decoder.array("model.decoder.embed_tokens.weight_merged_0_quantized")
    scale = float(decoder.array("model.decoder.embed_tokens.weight_merged_0_scale").ravel()[0])
    zero = decoder.array("model.decoder.embed_tokens.weight_merged_0_zero_point").ravel()[0]
    # One exporter subtracts an integer before it scales, the other adds a float behind it.
    offset = float(zero) if zero.dtype == np.float32 else -float(zero) * scale
    width = table.shape[1]
    return Graphs(
        _encoder(encoder, decoder, layers, width),
        _decoder(decoder, layers, width),
        np.array(table),
        scale,
        offset,
        layers,
        _HEADS,
        width // _HEADS,
    )


def frames_of(samples: int) -> int:
    """Return how many frames the encoder makes of this many samples (16 kHz)."""
    return ((((samples - 127) // 64 + 1) - 7) // 3 + 1 - 3) // 2 + 1


def model_file(path: Path, name: str) -> Path:
    """Return the file of a network in a model directory, .ort before .onnx; raises ModelMissing where there is none."""
    for suffix in (".ort", ".onnx"):
        if (path / (name + suffix)).is_file():
            return path / (name + suffix)
    raise ModelMissing(f"{path} is not a Moonshine model: it has no {name}")


def _attention(weights: _Weights, prefix: str) -> Floats:
    return np.concatenate([weights.matrix(f"{prefix}/self_attn/{part}_proj") for part in "qkv"], axis=1)


def _encoder(encoder: _Weights, decoder: _Weights, layers: int, width: int) -> bytes:
    b = _Builder()
    x = b.op("Unsqueeze", "audio", b.constant(np.array([1])))
    x = b.op("Conv", x, b.floats(encoder.fed("/conv1/Conv")), strides=[64], kernel_shape=[127])
    x = b.op("Tanh", x)
    shape = b.op("Shape", x)
    flat = b.op("Reshape", x, b.constant(np.array([1, 1, -1])))
    one, none = b.floats(np.ones(1)), b.floats(np.zeros(1))
    x = b.op("Reshape", b.op("InstanceNormalization", flat, one, none, epsilon=_EPSILON), shape)
    x = b.op("Add", b.op("Mul", x, b.floats(encoder.fed("/groupnorm/Mul"))), b.floats(encoder.fed("/groupnorm/Add")))
    for number, kernel, stride in ((2, 7, 3), (3, 3, 2)):
        weights = b.floats(encoder.fed(f"/conv{number}/Conv"))
        bias = b.floats(encoder.array(f"conv{number}.bias"))
        x = b.op("Gelu", b.op("Conv", x, weights, bias, strides=[stride], kernel_shape=[kernel]))
    x = b.op("Transpose", x, perm=[0, 2, 1])
    tables = b.tables()
    normed, more = b.norm(x, encoder.array("layers.0.input_layernorm.weight")), ""
    count = encoder.layers("/layers.")
    for n in range(count):
        query, key, value = b.split(b.matrix(normed, _attention(encoder, f"/layers.{n}")), 3)
        query, key = b.rotary(query, tables), b.rotary(key, tables)
        heard = b.op("MultiHeadAttention", query, key, value, num_heads=_HEADS)
        heard = b.matrix(heard, encoder.matrix(f"/layers.{n}/self_attn/o_proj", f"/layers.{n}/self_attn/dense"))
        normed, x = b.add_norm(x, heard, encoder.array(f"layers.{n}.post_attention_layernorm.weight"))
        more = b.matrix(normed, encoder.matrix(f"/layers.{n}/mlp/fc1"), encoder.array(f"layers.{n}.mlp.fc1.bias"))
        more = b.op("Gelu", more)
        more = b.matrix(more, encoder.matrix(f"/layers.{n}/mlp/fc2"), encoder.array(f"layers.{n}.mlp.fc2.bias"))
        after = "layer_norm" if n == count - 1 else f"layers.{n + 1}.input_layernorm"
        normed, x = b.add_norm(x, more, encoder.array(f"{after}.weight"))
    shape = b.constant(np.array([1, -1, _HEADS, width // _HEADS]))
    outputs = {}
    for n in range(layers):
        prefix = f"/model/decoder/layers.{n}/encoder_attn"
        for name, part in (("key", "k"), ("value", "v")):
            flat = b.matrix(normed, decoder.matrix(f"{prefix}/{part}_proj"))
            b.op("Transpose", b.op("Reshape", flat, shape), names=(f"{name}.{n}",), perm=[0, 2, 1, 3])
            outputs[f"{name}.{n}"] = [1, _HEADS, "frames", width // _HEADS]
    return b.bytes({"audio": [1, "samples"], "positions": [1, "frames"]}, outputs)


def _decoder(decoder: _Weights, layers: int, width: int) -> bytes:
    b = _Builder()
    tables = b.tables()
    inputs: dict[str, list[Any]] = {"embedded": [1, "tokens", width], "positions": [1, "tokens"]}
    outputs: dict[str, list[Any]] = {"logits": [1, "tokens", "vocabulary"]}
    x = "embedded"
    normed = b.norm(x, decoder.array("model.decoder.layers.0.input_layernorm.weight"))
    for n in range(layers):
        plain, prefix = f"model.decoder.layers.{n}", f"/model/decoder/layers.{n}"
        query, key, value = b.split(b.matrix(normed, _attention(decoder, prefix)), 3)
        query, key = b.rotary(query, tables), b.rotary(key, tables)
        past = (f"past.{n}.key", f"past.{n}.value")
        made = (f"seen.{n}", f"present.{n}.key", f"present.{n}.value")
        b.op("MultiHeadAttention", query, key, value, "", "", "", *past, names=made, num_heads=_HEADS, unidirectional=1)
        for name in past:
            inputs[name] = [1, _HEADS, "before", width // _HEADS]
        for name in made[1:]:
            outputs[name] = [1, _HEADS, "after", width // _HEADS]
        more = b.matrix(made[0], decoder.matrix(f"{prefix}/self_attn/o_proj", f"{prefix}/self_attn/dense"))
        normed, x = b.add_norm(x, more, decoder.array(f"{plain}.post_attention_layernorm.weight"))
        query = b.matrix(normed, decoder.matrix(f"{prefix}/encoder_attn/q_proj"))
        heard = (f"key.{n}", f"value.{n}")
        for name in heard:
            inputs[name] = [1, _HEADS, "frames", width // _HEADS]
        more = b.op("MultiHeadAttention", query, *heard, num_heads=_HEADS)
        more = b.matrix(more, decoder.matrix(f"{prefix}/encoder_attn/o_proj", f"{prefix}/encoder_attn/dense"))
        normed, x = b.add_norm(x, more, decoder.array(f"{plain}.final_layernorm.weight"))
        up, down = (f"{prefix}/mlp/fc1", f"{prefix}/mlp/up_proj"), (f"{prefix}/mlp/fc2", f"{prefix}/mlp/down_proj")
        more = b.matrix(
            normed, decoder.matrix(*up), decoder.array(f"{plain}.mlp.fc1.bias", f"{plain}.mlp.up_proj.bias")
        )
        plain_half, gate = b.split(more, 2)
        more = b.op("Mul", plain_half, b.op("QuickGelu", gate, alpha=1.0))
        more = b.matrix(
            more, decoder.matrix(*down), decoder.array(f"{plain}.mlp.fc2.bias", f"{plain}.mlp.down_proj.bias")
        )
        after = "model.decoder.norm" if n == layers - 1 else f"model.decoder.layers.{n + 1}.input_layernorm"
        normed, x = b.add_norm(x, more, decoder.array(f"{after}.weight"))
    logits = b.matrix(normed, decoder.matrix("/proj_out"))
    b.op("Identity", logits, names=("logits",))
    return b.bytes(inputs, outputs)
