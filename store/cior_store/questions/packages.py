"""What goes into an evidence package, by interval: which alerts, what cameras said, who read. Exact bytes come from
:class:`EvidenceQuestions`.
"""

from __future__ import annotations

from collections.abc import Sequence

from cior_store.answers import AlertOpened, CameraSaid, ReadRow
from cior_store.questions.asking import WINDOW, Asking, window


class PackageQuestions(Asking):
    """What an order's interval holds."""

    def alerts_opened(self, *, since_ms: int, until_ms: int) -> tuple[AlertOpened, ...]:
        """Alerts that opened in the window, oldest first; a reserved one is there without its members."""
        sql = """SELECT alert_id, reserved, member_ids FROM ops.alert_members FINAL
            WHERE opened >= fromUnixTimestamp64Milli({since:Int64}) AND opened < fromUnixTimestamp64Milli({until:Int64})
            ORDER BY opened, alert_id"""
        return self._store.ask(AlertOpened, sql, window(since_ms, until_ms))

    def boxed(self, raw_ids: Sequence[str]) -> frozenset[str]:
        """Those of these raw records that lie in boxes: lines that may carry what is sealed keep all their bytes there.

        A server refuses all but the users that may read them (``AccessDenied``).
        """
        if not raw_ids:
            return frozenset()
        sql = "SELECT DISTINCT raw_id FROM sealed.raw WHERE has({ids:Array(String)}, raw_id)"
        return frozenset(str(row["raw_id"]) for row in self._store.rows(sql, {"ids": list(raw_ids)}))

    def camera_said(self, camera: str, *, since_ms: int, until_ms: int) -> tuple[CameraSaid, ...]:
        """What a camera, or whoever watches it, said of its health in the window, oldest first, copies collapsed."""
        sql = f"""SELECT subject AS camera, min(toUnixTimestamp64Milli(received)) AS at_ms, any(health) AS state,
            any(summary) AS reason FROM ops.events
            WHERE subject = {{camera:String}} AND startsWith(type, 'camera.') AND {WINDOW}
            GROUP BY subject, event_id ORDER BY at_ms, event_id"""
        return self._store.ask(CameraSaid, sql, window(since_ms, until_ms, camera=camera))

    def reads_about(self, subjects: Sequence[str]) -> tuple[ReadRow, ...]:
        """Every row of the ledger's copy about one of these, in the ledger's order."""
        sql = """SELECT toUnixTimestamp64Milli(at) AS at_ms, actor, role, act, subject, purpose
            FROM ops.ledger FINAL WHERE has({subjects:Array(String)}, subject) ORDER BY seq"""
        return self._store.ask(ReadRow, sql, {"subjects": list(subjects)})
