"""Privacy masks of a camera's picture and since when each holds: which of them a copy of what was recorded must cover.

Polygons are of the picture as it is recorded and shown upright by its own display matrix, or, where settings overrule
that matrix, as it is stored: ``x / width`` and ``y / height``. A mask that was drawn later covers nothing of what was
recorded before: whoever may draw must not be able to take something out of the past.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from cior_core.errors import PayloadRejected
from cior_core.model import Struct

Polygon = tuple[tuple[float, float], ...]
Masks = tuple[Polygon, ...]
SLACK_MS: Final = 60_000
"""A recorder's clock and the one by which masks are noted may differ: about a change both are in force."""


class MaskNote(Struct, frozen=True, kw_only=True):
    """From ``since_ms`` on ``camera`` has these masks, or none. ``seen_ms``: when that was noticed;
    ``is_stored``: they are of the picture as it is stored.
    """

    camera: str
    since_ms: int
    seen_ms: int
    masks: Masks = ()
    is_stored: bool = False


class InForce(Struct, frozen=True, kw_only=True):
    """What must be covered of an interval; ``stored``: of the picture as it is stored. ``since_ms``: from when on the
    oldest of these masks are known to hold; None when nothing is known of the camera. ``is_known``: whether that is
    so for the whole interval.
    """

    masks: Masks = ()
    stored: Masks = ()
    since_ms: int | None = None
    is_known: bool = False


def in_force(notes: Iterable[MaskNote], span: tuple[int, int]) -> InForce:
    """Every mask that held at some moment of ``span`` (UTC ms), of the notes of one camera in the order in which they
    were written. Of what was recorded before the first note, its masks are taken.
    """
    told = sorted(notes, key=lambda each: each.since_ms)  # stable: of one instant, in their order
    if not told:
        return InForce()
    begins, ends = span[0] - SLACK_MS, span[1] + SLACK_MS
    last = max((n for n, each in enumerate(told) if each.since_ms <= begins), default=0)
    held = [each for n, each in enumerate(told) if n >= last and (n == last or each.since_ms <= ends)]
    shown, stored = (_union(held, is_stored=each) for each in (False, True))
    known = held[0].since_ms
    return InForce(masks=shown, stored=stored, since_ms=known, is_known=known <= span[0])


def _union(notes: Sequence[MaskNote], *, is_stored: bool) -> Masks:
    mine = (each for each in notes if each.is_stored is is_stored)
    return tuple(dict.fromkeys(mask for each in mine for mask in each.masks))


def changed_since(written_ms: Sequence[int], *, last_seen_ms: int | None, now_ms: int) -> int:
    """From when on masks that are noticed now must be taken to hold. ``written_ms``: when the files that say so were
    written; ``last_seen_ms``: when something else was last known. Of two files that could be the reason, the older one;
    a file that claims to be older than that, or of the future, is not believed: then at once.
    """
    known_ms = min((*written_ms, now_ms)) if last_seen_ms is None else last_seen_ms
    return min((each for each in written_ms if known_ms < each <= now_ms), default=known_ms)


def check_masks(camera: str, masks: Masks) -> None:
    """Raises ``PayloadRejected`` (``masks.unfit``) for one that is no area of a picture."""
    for mask in masks:
        is_within = all(math.isfinite(each) and 0.0 <= each <= 1.0 for point in mask for each in point)
        if len(mask) < 3 or not is_within:
            raise PayloadRejected(
                "masks.unfit",
                f"a mask of {camera} has {len(mask)} points, or one outside its picture",
                cure="give each [[mask]] three or more points within 0..1 (cior vision calibrate draws them)",
            )
