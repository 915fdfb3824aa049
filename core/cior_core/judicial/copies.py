"""Copies that are made out of a sealed package: to look at, or with the persons in it veiled. Each is a package of its
own, which names the one that it was made of, and is never offered as that.
"""

from __future__ import annotations

from enum import StrEnum

from cior_core.model import Struct


class CopyKind(StrEnum):
    """``VIEW``: encoded again with camera and time below the picture. ``REDACTED``: that, and persons are veiled."""

    VIEW = "view"
    REDACTED = "redacted"


class CopyOrder(Struct, frozen=True):
    """A copy that was ordered. ``n`` counts all that were ever ordered of the request; ``build``, ``of``: of which
    package, by its number and by the digest of its tag manifest. ``digest``: of its own, once it is sealed.

    Of a redacted one: ``is_strict``: the whole person and not the head alone; ``keep``: marks of persons that stay as
    they are, as the table of the redacted copy number ``after`` names them.
    """

    n: int
    kind: CopyKind
    of: str
    build: int
    by: str
    ordered_ms: int
    is_strict: bool = False
    keep: tuple[str, ...] = ()
    after: int = 0
    digest: str = ""
