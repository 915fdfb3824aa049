"""Tiny detection networks that we make, one for each way in which exports tell their boxes: nobody's weights.

The network measures colour: over each cell of three grids (strides 8, 16, 32) red beyond the other colours is the
score of class 0, blue that of class 1, green that of class 2, and the box is one and a half cells. What it must find
in a picture can be worked out without it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
BOX_CELLS = 1.5
NAMES = ("red", "blue", "green")
RANKED = 24
"""So many objects a head tells that ranks them itself."""
Floats = NDArray[np.float32]


def cells(size_px: tuple[int, int]) -> Floats:
    """Centre and size (input pixels) of each anchor's box, in the head's order: A x 4."""
    rows = [
        ((x + 0.5) * stride, (y + 0.5) * stride, BOX_CELLS * stride, BOX_CELLS * stride)
        for stride in STRIDES
        for y in range(size_px[0] // stride)
        for x in range(size_px[1] // stride)
    ]
    return np.array(rows, np.float32)


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **more: object) -> str:
        """The name of its first output; the others' differ in their last figure."""
        names = [f"{kind}_{len(self.nodes)}_{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **more))
        return names[0]

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def rename(self, name: str, output: str) -> None:
        self.nodes.append(helper.make_node("Identity", [name], [output]))


def _measured(graph: _Graph, size_px: tuple[int, int]) -> tuple[str, str]:
    """Scores (N x A x 3) and boxes (N x A x 4, input pixels) of the pictures."""
    colours = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1]], np.float32).reshape(3, 3, 1, 1)
    measured = graph.add("Conv", "images", graph.constant(colours))
    levels = [
        graph.add(
            "Reshape",
            graph.add("AveragePool", measured, kernel_shape=[stride] * 2, strides=[stride] * 2),
            graph.constant(np.array([0, 3, -1], np.int64)),
        )
        for stride in STRIDES
    ]
    zero, one = (graph.constant(np.array(value, np.float32)) for value in (0, 1))
    scores = graph.add(
        "Transpose", graph.add("Clip", graph.add("Concat", *levels, axis=2), zero, one), perm=[0, 2, 1]
    )
    nothing = graph.add(
        "Mul", graph.add("ReduceMax", scores, graph.constant(np.array([2], np.int64)), keepdims=1), zero
    )
    return scores, graph.add("Add", nothing, graph.constant(cells(size_px)[None]))


def _ranked(graph: _Graph, scores: str) -> tuple[str, str]:
    """Best scores (N x Q) and their anchors (N x Q)."""
    best = graph.add("ReduceMax", scores, graph.constant(np.array([2], np.int64)), keepdims=0)
    values = graph.add("TopK", best, graph.constant(np.array([RANKED], np.int64)), outputs=2, axis=1)
    return values, values.removesuffix("0") + "1"


def _gathered(graph: _Graph, rows: str, order: str, width: int) -> str:
    wide = graph.add(
        "Tile",
        graph.add("Unsqueeze", order, graph.constant(np.array([2], np.int64))),
        graph.constant(np.array([1, 1, width], np.int64)),
    )
    return graph.add("GatherElements", rows, wide, axis=1)


def _corners(graph: _Graph, boxes: str) -> str:
    turn = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)
    return graph.add("MatMul", boxes, graph.constant(turn))


def _outputs(graph: _Graph, kind: str, size_px: tuple[int, int]) -> list[str]:
    scores, boxes = _measured(graph, size_px)
    shares = graph.constant(np.array([size_px[1], size_px[0]] * 2, np.float32))
    if kind in {"grid", "grid_rows", "objectness"}:
        parts = [boxes, scores]
        if kind == "objectness":
            half = np.full((1, len(cells(size_px)), 1), 0.5, np.float32)
            nothing = graph.add("ReduceMax", boxes, graph.constant(np.array([2], np.int64)), keepdims=1)
            nothing = graph.add("Mul", nothing, graph.constant(np.array(0, np.float32)))
            parts.insert(1, graph.add("Add", nothing, graph.constant(half)))
        rows = graph.add("Concat", *parts, axis=2)
        graph.rename(graph.add("Transpose", rows, perm=[0, 2, 1]) if kind == "grid" else rows, "output0")
        return ["output0"]
    if kind == "logits":
        two, half_ = (graph.constant(np.array(value, np.float32)) for value in (8, 0.5))
        graph.rename(graph.add("Mul", graph.add("Sub", scores, half_), two), "logits")
        graph.rename(graph.add("Div", boxes, shares), "pred_boxes")
        return ["logits", "pred_boxes"]
    best, order = _ranked(graph, scores)
    objects, of = _gathered(graph, boxes, order, 4), _gathered(graph, scores, order, 3)
    if kind == "queries":
        graph.rename(graph.add("Concat", graph.add("Div", objects, shares), of, axis=2), "output0")
        return ["output0"]
    classes = graph.add("ArgMax", of, axis=2, keepdims=0)
    if kind == "ranked":
        last = graph.constant(np.array([2], np.int64))
        parts = [graph.add("Unsqueeze", best, last)]
        parts.append(graph.add("Unsqueeze", graph.add("Cast", classes, to=TensorProto.FLOAT), last))
        graph.rename(graph.add("Concat", _corners(graph, objects), *parts, axis=2), "output0")
        return ["output0"]
    sizes = graph.add("Cast", "orig_target_sizes", to=TensorProto.FLOAT)
    asked = graph.add("Concat", sizes, sizes, axis=1)
    asked = graph.add("Unsqueeze", asked, graph.constant(np.array([1], np.int64)))
    graph.rename(graph.add("Mul", graph.add("Div", _corners(graph, objects), shares), asked), "boxes")
    graph.rename(classes, "labels")
    graph.rename(best, "scores")
    return ["labels", "boxes", "scores"]


def write(
    folder: Path, kind: str, *, size_px: tuple[int, int], batch: int | str = "batch", external: str = ""
) -> Path:
    """``net.onnx`` in ``folder``, and ``metadata.yaml``. ``batch``: a number fixes it. ``external``: where its weights
    lie, seen from the folder.
    """
    folder.mkdir(exist_ok=True)
    graph = _Graph()
    outputs = _outputs(graph, kind, size_px)
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, *size_px])]
    if kind == "labelled":
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [batch, 2]))
    kinds = {"labels": TensorProto.INT64}
    made = helper.make_graph(
        graph.nodes,
        kind,
        inputs,
        [helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), None) for name in outputs],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / "net.onnx"
    if external:
        onnx.save_model(
            model, str(path), save_as_external_data=True, location=Path(external).name, size_threshold=1000
        )
        moved = folder / external
        moved.parent.mkdir(parents=True, exist_ok=True)
        (folder / Path(external).name).rename(moved)
        told = onnx.load(str(path), load_external_data=False)
        for tensor in told.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = external
        path.write_bytes(told.SerializeToString())
    else:
        path.write_bytes(model.SerializeToString())
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(NAMES))
    (folder / "metadata.yaml").write_text(f"task: detect\nnames:\n{names}")
    return folder
