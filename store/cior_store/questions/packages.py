"""What goes into an evidence package, by interval: which alerts, what cameras said, who read. Exact bytes come from
:class:`EvidenceQuestions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cior_store.answers import AlertOpened, CameraSaid, ReadRow
from cior_store.questions.asking import WINDOW, Asking, window


class PackageQuestions(Asking):
    """What an order's interval holds."""

    def alerts_opened(self, *, since_ms: int, until_ms: int) -> tuple[AlertOpened, ...]:
        """Alerts that opened in the window, oldest first; a reserved one is there without its members."""
        sql = """SELECT alert_id, reserved, member_ids FROM ops.alert_clock FINAL
            WHERE opened >= toStartOfMinute(fromUnixTimestamp64Milli({since:Int64}))
            AND opened_exact >= fromUnixTimestamp64Milli({since:Int64})
            AND opened_exact < fromUnixTimestamp64Milli({until:Int64})
            ORDER BY opened_exact, alert_id"""
        return self._store.ask(AlertOpened, sql, window(since_ms, until_ms))

    def alerts_named(self, alert_ids: Sequence[str]) -> tuple[AlertOpened, ...]:
        """These alerts, oldest first; a reserved one is there without its members."""
        sql = """SELECT alert_id, reserved, member_ids FROM ops.alert_clock FINAL
            WHERE has({ids:Array(String)}, alert_id) ORDER BY opened_exact, alert_id"""
        return self._store.ask(AlertOpened, sql, {"ids": list(alert_ids)})

    def members_of_reserved(self, alert_ids: Sequence[str]) -> tuple[str, ...]:
        """Events of these alerts, reserved or not: for an order that a judge gave for what is sealed."""
        if not alert_ids:
            return ()
        sql = """SELECT DISTINCT arrayJoin(member_ids) AS event_id FROM ops.alert_current FINAL
            WHERE has({ids:Array(String)}, alert_id) ORDER BY event_id"""
        rows = self._store.rows(sql, {"ids": list(alert_ids)})
        return tuple(str(row["event_id"]) for row in rows)

    def sealed_in(self, raw_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Events of class sealed that each of these raw records carried, whatever else it carried; who carried none is
        not there.
        """
        if not raw_ids:
            return {}
        sql = """SELECT raw_id, groupUniqArray(event_id) AS events FROM ops.event_links
            WHERE has({ids:Array(String)}, raw_id) AND event_id IN (
                SELECT event_id FROM ops.events WHERE data_class NOT IN ('public', 'restricted') AND event_id IN (
                    SELECT event_id FROM ops.event_links WHERE has({ids:Array(String)}, raw_id)))
            GROUP BY raw_id"""
        rows = self._store.rows(sql, {"ids": list(raw_ids)})
        return {str(row["raw_id"]): frozenset(map(str, row["events"])) for row in rows}

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
