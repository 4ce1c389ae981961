"""The network as an ONNX graph, written node by node: no exporter's version decides how fast the model is.

Promises: without ``ranges`` the graph gives what the network gives, to float's rounding; with them its products are
computed in integers, and what a text scores still depends on that text alone, not on its neighbours in the batch.

In integers, weights have a scale for each output and seven bits: processors without the VNNI instructions add pairs of
products in 16 bits, which 255 x 63 x 2 still fits (32,130) and eight bits would not. Activations have eight bits over a
range that was seen beforehand: as right as a range found for every batch, and a look over the data less.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[np.float32]]
Ranges = Mapping[str, tuple[float, float]]
MAX_TOKENS: Final = 128
"""How many positions are kept: a text is read that far."""

# The runtime's own operators: a product of integers that gives floats, and GELU with the bias before it. Its
# SkipLayerNormalization is left alone: it takes three times as long as an Add and a LayerNormalization.
_RUNTIME: Final = "com.microsoft"
_MOST: Final = 63
_HIDDEN: Final = -10_000.0


class Shape(Protocol):
    """What of ``training.network.Shape`` the graph depends on."""

    @property
    def layers(self) -> int: ...  # noqa: D102
    @property
    def pooled(self) -> bool: ...  # noqa: D102
    @property
    def units(self) -> int: ...  # noqa: D102
    @property
    def heads(self) -> int: ...  # noqa: D102


def graph_of(weights: Weights, shape: Shape, ranges: Ranges | None = None) -> ModelProto:
    """``ids`` and ``mask``, int64 of ``(texts, tokens)``, to ``logits``, float of ``(texts, labels)``.

    Args:
        weights: by the names of ``Network.state_dict()``.
        shape: of the network that they are of.
        ranges: least and most value that goes into each layer's ``key``, ``out``, ``up`` and ``down``, by
            ``layers.N.name``; without them everything is computed in floats.
    """
    return _Writer(weights, shape, ranges).written()


class _Writer:
    def __init__(self, weights: Weights, shape: Shape, ranges: Ranges | None) -> None:
        self._weights = weights
        self._shape = shape
        self._ranges = ranges
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def written(self) -> ModelProto:
        states = self._embedded()
        hidden = self._hidden()
        last = self._shape.layers - 1
        for depth in range(self._shape.layers):
            states = self._layer(f"layers.{depth}.", states, hidden, first=self._shape.pooled and depth == last)
        logits = self._add("Gemm", self._pooled(states), self._of("head.weight"), self._of("head.bias"), transB=1)
        self._nodes.append(helper.make_node("Identity", [logits], ["logits"]))
        labels = len(self._weights["head.bias"])
        graph = helper.make_graph(
            self._nodes,
            "barometer",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in ("ids", "mask")],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", labels])],
            list(self._constants.values()),
        )
        versions = [helper.make_opsetid("", 20), helper.make_opsetid(_RUNTIME, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=9, producer_name="barometer")

    def _embedded(self) -> str:
        words = self._weights["words.weight"]
        if self._ranges is None:
            states = self._add("Gather", words, "ids")
        else:
            scales = np.maximum(np.abs(words).max(1, keepdims=True), 1e-8) / np.float32(127)
            rows = self._add("Gather", np.rint(words / scales).astype(np.int8), "ids")
            states = self._add("Mul", self._add("Cast", rows, to=TensorProto.FLOAT), self._add("Gather", scales, "ids"))
        tokens = self._add("Slice", self._add("Shape", "ids"), _whole(1), _whole(2))
        positions = self._add("Slice", self._weights["positions.weight"][:MAX_TOKENS], _whole(0), tokens, _whole(0))
        return self._normed(self._add("Add", states, positions), "norm")

    def _hidden(self) -> str:
        """What is added to the attention's logits: nothing for a token, so much for padding that it has no share."""
        padding = self._add("Sub", _float(1), self._add("Cast", "mask", to=TensorProto.FLOAT))
        return self._add("Unsqueeze", self._add("Mul", padding, _float(_HIDDEN)), _whole(1, 2))

    def _layer(self, name: str, states: str, hidden: str, *, first: bool) -> str:
        """One layer; ``first``: computed for the first token alone, which reads every token."""
        units, width = self._shape.units, self._shape.units // self._shape.heads
        scale = np.float32(width**-0.5)
        query, bias = self._weights[f"{name}query.weight"] * scale, self._weights[f"{name}query.bias"] * scale
        rest = [self._weights[f"{name}{part}.weight"] for part in ("key", "value")]
        rest_bias = [self._weights[f"{name}{part}.bias"] for part in ("key", "value")]
        if first:
            reader = self._first(states)
            parts = [self._product(reader, query, f"{name}key", bias)]
            both = self._product(states, np.concatenate(rest), f"{name}key", np.concatenate(rest_bias))
            parts += self._split(both, 2)
        else:
            reader = states
            stacked, stacked_bias = np.concatenate([query, *rest]), np.concatenate([bias, *rest_bias])
            parts = self._split(self._product(states, stacked, f"{name}key", stacked_bias), 3)
        turns = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        apart = _whole(0, -1, self._shape.heads, width)
        queries, keys, values = (
            self._add("Transpose", self._add("Reshape", part, apart), perm=turn)
            for part, turn in zip(parts, turns, strict=True)
        )
        shares = self._add("Softmax", self._add("Add", self._add("MatMul", queries, keys), hidden), axis=-1)
        mixed = self._add("Transpose", self._add("MatMul", shares, values), perm=[0, 2, 1, 3])
        read = self._linear(self._add("Reshape", mixed, _whole(0, -1, units)), f"{name}out")
        reader = self._normed(self._add("Add", read, reader), f"{name}out_norm")
        inner = self._product(reader, self._weights[f"{name}up.weight"], f"{name}up")
        inner = self._add("BiasGelu", inner, self._of(f"{name}up.bias"), domain=_RUNTIME)
        return self._normed(self._add("Add", self._linear(inner, f"{name}down"), reader), f"{name}down_norm")

    def _pooled(self, states: str) -> str:
        if self._shape.pooled:
            return self._add("Squeeze", states, _whole(1))
        counts = self._add("Unsqueeze", self._add("Cast", "mask", to=TensorProto.FLOAT), _whole(2))
        total = self._add("ReduceSum", self._add("Mul", states, counts), _whole(1), keepdims=0)
        mean = self._add("Div", total, self._add("ReduceSum", counts, _whole(1), keepdims=0))
        return self._add("Concat", self._add("Squeeze", self._first(states), _whole(1)), mean, axis=1)

    def _linear(self, states: str, name: str) -> str:
        return self._product(states, self._weights[f"{name}.weight"], name, self._weights[f"{name}.bias"])

    def _product(
        self, states: str, weight: NDArray[np.float32], name: str, bias: NDArray[np.float32] | None = None
    ) -> str:
        """``states @ weight.T + bias``; ``name`` says whose range the states have."""
        matrix = np.ascontiguousarray(weight.T)
        if self._ranges is None:
            product = self._add("MatMul", states, matrix)
            return product if bias is None else self._add("Add", product, bias)
        least, most = min(self._ranges[name][0], 0.0), max(self._ranges[name][1], 1e-6)
        step, zero = np.float32((most - least) / 255), np.uint8(round(-least * 255 / (most - least)))
        scales = np.maximum(np.abs(matrix).max(0), 1e-8) / np.float32(_MOST)
        whole = np.rint(matrix / scales).astype(np.int8)
        rounded = self._add("QuantizeLinear", states, np.array(step), np.array(zero))
        ends = [np.zeros(len(scales), np.int8), *([] if bias is None else [bias])]
        factors = (rounded, whole, np.array(step), scales, np.array(zero), *ends)
        return self._add("MatMulIntegerToFloat", *factors, domain=_RUNTIME)

    def _normed(self, states: str, name: str) -> str:
        weight, bias = self._of(f"{name}.weight"), self._of(f"{name}.bias")
        return self._add("LayerNormalization", states, weight, bias, axis=-1, epsilon=1e-12)

    def _first(self, states: str) -> str:
        return self._add("Slice", states, _whole(0), _whole(1), _whole(1))

    def _split(self, states: str, parts: int) -> list[str]:
        names = [f"{states}/{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [states], names, axis=-1, num_outputs=parts))
        return names

    def _of(self, name: str) -> NDArray[np.float32]:
        return self._weights[name]

    def _add(self, operator: str, *inputs: "str | NDArray[Any]", domain: str = "", **attributes: Any) -> str:  # noqa: ANN401
        names = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        output = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, names, [output], output, domain=domain, **attributes))
        return output

    def _constant(self, values: NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name


def _whole(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _float(value: float) -> NDArray[np.float32]:
    return np.array(value, np.float32)
