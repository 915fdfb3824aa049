"""Gives a YOLO IR that was exported for one input size another one.

The export bakes its size into three kinds of constants: the attention block's reshape targets (values that contain
the coarsest grid), the head's reshape targets (values that contain the number of anchors), and the anchor centres
and strides themselves. Each is recognised *by value*; whatever does not look exactly as expected refuses, and the
caller keeps the exported size.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

STRIDES = (8, 16, 32)


class NotResizable(Exception):
    """The model does not have the known shape; its exported size is the only one."""


SMALLER = (
    (1 / 3, 1 / 5),
    (1 / 2, 3 / 10),
    (1 / 2, 1 / 2),
    (3 / 4, 1 / 2),
    (1, 1 / 2),
    (3 / 4, 4 / 5),
    (1, 4 / 5),
)
"""Shares of the input's height and width: what parts of a picture, and pictures narrower than the input, are looked at
with. Each costs a quarter of a second to make ready and some megabytes, so there are few."""


def smaller_sizes(input_px: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Inputs smaller than ``input_px`` (height, width), multiples of 32, the smallest first."""
    coarsest = STRIDES[-1]
    made = {
        (ceil(input_px[0] * high / coarsest) * coarsest, ceil(input_px[1] * wide / coarsest) * coarsest)
        for high, wide in SMALLER
    }
    fitting = {size for size in made if size[0] <= input_px[0] and size[1] <= input_px[1]} - {input_px}
    return tuple(sorted(fitting, key=lambda size: (size[0] * size[1], size)))


def anchors(size_px: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cell centres (1 x 2 x N, in cells) and strides (1 x 1 x N) of the three grids, in the head's order."""
    centres, strides = [], []
    for stride in STRIDES:
        rows, columns = size_px[0] // stride, size_px[1] // stride
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32) + 0.5
        centres.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(rows * columns, stride, np.float32))
    return np.concatenate(centres, axis=1)[None].astype(np.float32), np.concatenate(strides)[
        None, None
    ].astype(np.float32)


def resize_input(model: ov.Model, size_px: tuple[int, int]) -> None:
    """Change ``model`` in place to inputs of ``size_px`` (height, width; multiples of 32).

    Raises :class:`NotResizable`; the model is then spoilt.
    """
    old_px = exported_size(model)
    if old_px == size_px:
        return
    if any(side % STRIDES[-1] for side in size_px):
        raise NotResizable(f"{size_px} is not a multiple of {STRIDES[-1]}")
    patched = [
        _patch(node, old_px, size_px)
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant"
    ]
    if patched.count("anchors") != 1 or patched.count("strides") != 1 or "head" not in patched:
        raise NotResizable("anchors or head were not recognised")
    model.inputs[0].get_node().set_partial_shape(ov.PartialShape([1, 3, *size_px]))
    try:
        model.validate_nodes_and_infer_types()
    except RuntimeError as error:
        raise NotResizable("the patched model is not consistent") from error
    if int(model.outputs[0].get_shape()[2]) != anchors(size_px)[1].size:
        raise NotResizable("the patched model has another number of anchors")


def exported_size(model: ov.Model) -> tuple[int, int]:
    """(height, width) of a static 1 x 3 x H x W input. Raises :class:`NotResizable`."""
    shape = model.inputs[0].get_partial_shape()
    if shape.is_dynamic or len(shape) != 4:
        raise NotResizable("the input is not a static picture")
    return int(shape[2].get_length()), int(shape[3].get_length())


def _patch(node: Any, old_px: tuple[int, int], new_px: tuple[int, int]) -> str:
    """Replace one constant if it is one of the known; what it was."""
    old_centres, old_strides = anchors(old_px)
    shape = tuple(node.get_output_shape(0))
    if shape == old_centres.shape and np.array_equal(node.get_data(), old_centres):
        return _replace(node, anchors(new_px)[0].astype(node.get_data().dtype), "anchors")
    if shape == old_strides.shape and np.array_equal(node.get_data(), old_strides):
        return _replace(node, anchors(new_px)[1].astype(node.get_data().dtype), "strides")
    if len(shape) == 1 and 2 <= shape[0] <= 5 and _is_reshape_target(node):
        values = node.get_data()
        wanted, what = _reshape_target([int(value) for value in values], old_px, new_px)
        return _replace(node, np.asarray(wanted, values.dtype), what) if what else ""
    return ""


def _reshape_target(
    values: list[int], old_px: tuple[int, int], new_px: tuple[int, int]
) -> tuple[list[int], str]:
    old_anchors, new_anchors = anchors(old_px)[1].size, anchors(new_px)[1].size
    (old_rows, old_columns), (rows, columns) = (
        (size[0] // STRIDES[-1], size[1] // STRIDES[-1]) for size in (old_px, new_px)
    )
    if values[-1] == old_anchors:
        return [*values[:-1], new_anchors], "head"
    if len(values) >= 3 and values[-1] == old_rows * old_columns:
        return [*values[:-1], rows * columns], "attention"
    if len(values) == 4 and values[-2:] == [old_rows, old_columns]:
        return [*values[:-2], rows, columns], "attention"
    return values, ""


def _is_reshape_target(node: Any) -> bool:
    return bool(node.get_element_type().is_integral()) and any(
        target.get_node().get_type_name() == "Reshape" and target.get_index() == 1
        for target in node.output(0).get_target_inputs()
    )


def _replace(node: Any, value: NDArray[Any], what: str) -> str:
    constant = ov.op.Constant(np.ascontiguousarray(value))
    for target in node.output(0).get_target_inputs():
        target.replace_source_output(constant.output(0))
    return what
