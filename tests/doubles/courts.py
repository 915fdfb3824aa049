"""A register's holds for a recorder without a register."""

from __future__ import annotations

from collections.abc import Sequence

from cior_recorder.court import Claimed, CourtHolds


class NoOrders:
    """No court holds anything; what is claimed is kept in ``claimed``."""

    def __init__(self) -> None:
        self.claimed: list[Claimed] = []

    def standing(self) -> CourtHolds:
        return CourtHolds(0, ())

    def claim(self, claimed: Sequence[Claimed], *, mark: int) -> None:
        self.claimed += claimed

    def close(self) -> None:
        pass
