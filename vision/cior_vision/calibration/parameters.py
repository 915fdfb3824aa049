"""What a rule may be given besides its kind, its name and its place, read off the rules' own structs. Pure."""

from __future__ import annotations

from typing import Final, get_args

import msgspec
from msgspec.inspect import Field, FloatType, IntType, LiteralType, StructType, VarTupleType, type_info

from cior_core.model import Struct
from cior_vision.rule_settings import AnyTrackRule, TrackRule

_NOT_GIVEN: Final = frozenset({"id", "zone", "line", "version"})
"""A rule's name and place stay, and its version follows from what is changed."""
Value = float | int | str | list[str] | None
"""As the file has it; ``None``: it is not there, and the rule has its own."""


class Parameter(Struct, frozen=True, kw_only=True):
    """One of them. ``form``: ``number``, ``whole``, ``choice`` (of ``choices``) or ``texts``; ``own``: what holds where
    the file says nothing (``None``: it must say). Whether ``least`` and ``most`` themselves will do, the loader knows.
    """

    name: str
    form: str
    own: Value = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


def _parameter(field: Field) -> Parameter | None:
    """``None``: a table of its own, which is written by hand."""
    own = None if field.default is msgspec.NODEFAULT else field.default
    match field.type:
        case FloatType() | IntType() as number:
            return Parameter(
                name=field.name,
                form="number" if isinstance(number, FloatType) else "whole",
                own=own,
                least=number.gt if number.ge is None else number.ge,
                most=number.lt if number.le is None else number.le,
            )
        case LiteralType(values=values):
            return Parameter(name=field.name, form="choice", own=own, choices=tuple(map(str, values)))
        case VarTupleType():
            return Parameter(name=field.name, form="texts", own=list(own or ()))
        case _:
            return None


def _of(rule: type[TrackRule]) -> tuple[Parameter, ...]:
    """A kind's own first: they are what is turned most."""
    info = type_info(rule)
    assert isinstance(info, StructType)
    shared = set(TrackRule.__struct_fields__)
    found = [_parameter(field) for field in info.fields if field.name not in _NOT_GIVEN]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name in shared))


PARAMETERS: Final[dict[str, tuple[Parameter, ...]]] = {
    str(rule.__struct_config__.tag): _of(rule) for rule in get_args(AnyTrackRule)
}
"""By kind of rule."""
