"""A model whose weights have four bits, made to calculate with eight: that is what processors are fast at.

Activations are rounded by ranges that are measured once, on samples, and never by what else is in a batch: what the
model says of a text must not depend on its neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOUR_BITS = "MatMulNBits"
CONTRIBUTED = "com.microsoft"
"""The domain of onnxruntime's own operators; the model names it already."""


def eight_bits(path: Path, samples: Sequence[Mapping[str, Any]]) -> bytes:
    """The model in *path* with each product of four bits as one of integers; *samples* are inputs of it."""
    model = onnx.load(path)
    ranges = _ranges(model, samples)
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type != FOUR_BITS:
            nodes.append(node)
            continue
        given, packed, scales = node.input
        name = node.output[0]
        sizes = {attribute.name: attribute.i for attribute in node.attribute}
        weights, scale = _integers(_weights(tensors.pop(packed), tensors.pop(scales), sizes))
        constants = {f"{name}_weights": weights, f"{name}_scale": scale, f"{name}_zero": np.zeros((), np.int8)}
        if given in ranges:  # rounded once, though it is a factor of three products
            step, zero = _step(*ranges.pop(given))
            constants |= {f"{given}_step": step, f"{given}_zero": zero}
            nodes.append(helper.make_node("QuantizeLinear", [given, f"{given}_step", f"{given}_zero"], [f"{given}_i"]))
        tensors |= {key: numpy_helper.from_array(array, key) for key, array in constants.items()}
        nodes.append(_product(given, name))
    del graph.node[:], graph.initializer[:]
    graph.node.extend(list(_with_biases(nodes, tensors)))  # which copies them
    graph.initializer.extend(tensors.values())
    serialized: bytes = model.SerializeToString()
    return serialized


def _ranges(model: Any, samples: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Of each factor of a product, its least and its greatest value in *samples*; zero is always among them."""
    names = sorted({node.input[0] for node in model.graph.node if node.op_type == FOUR_BITS})
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    seen.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(seen.SerializeToString(), providers=["CPUExecutionProvider"])
    runs = [session.run(names, dict(sample)) for sample in samples]
    return {
        name: (min(0.0, *(float(run[at].min()) for run in runs)), max(0.0, *(float(run[at].max()) for run in runs)))
        for at, name in enumerate(names)
    }


def _step(least: float, greatest: float) -> tuple[Any, Any]:
    step = (greatest - least) / 255
    return np.array(step, np.float32), np.array(round(-least / step), np.uint8)


def _weights(packed: Any, scales: Any, sizes: Mapping[str, int]) -> Any:
    """As floats: two to a byte, the lower one first, around 8, in blocks that share a scale (onnxruntime's
    ContribOperators.md, MatMulNBits).
    """
    columns, rows, block = sizes["N"], sizes["K"], sizes["block_size"]
    pairs = numpy_helper.to_array(packed).reshape(columns, -1)
    values = np.stack([pairs & 15, pairs >> 4], -1).reshape(columns, -1, block).astype(np.float32) - 8
    scaled = values * numpy_helper.to_array(scales).reshape(columns, -1, 1)
    return scaled.reshape(columns, -1)[:, :rows].T


def _integers(weights: Any) -> tuple[Any, Any]:
    scale = np.abs(weights).max(0) / 127
    return np.rint(weights / scale).astype(np.int8), scale


def _product(given: str, name: str) -> Any:
    """One kernel of onnxruntime's; it would make it of the standard's nodes only if the steps were not known before."""
    zeros = [f"{given}_zero", f"{name}_zero"]
    steps = [f"{given}_step", f"{name}_scale"]
    factors = [f"{given}_i", f"{name}_weights"]
    return helper.make_node("MatMulIntegerToFloat", [*factors, *steps, *zeros], [name], domain=CONTRIBUTED)


def _with_biases(nodes: Sequence[Any], constants: Collection[str]) -> Iterator[Any]:
    """A product whose sum with a constant is all that is asked of it adds that itself."""
    asked = Counter(name for node in nodes for name in node.input)
    products = {node.output[0]: node for node in nodes if node.domain == CONTRIBUTED}
    for node in nodes:
        product = next((products[name] for name in node.input if node.op_type == "Add" and name in products), None)
        bias = next((name for name in node.input if name in constants), None)
        if product and bias and asked[product.output[0]] == 1:
            product.input.append(bias)
            product.output[0] = node.output[0]
        else:
            yield node
