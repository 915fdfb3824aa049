"""What the console asks for its page: views of the database ``console`` alone, which is all that its user may read.

Windows are widened to whole minutes by the views: a question cannot find the instant of a silent alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from cior_core.model import Struct
from cior_store.answers import (
    BlindSpot,
    CameraWord,
    DeadCount,
    FalseAlarmRow,
    LatencyRow,
    LedgerThere,
    LevelCount,
    SourceCount,
    StoryLine,
    ToldRow,
    UnitRow,
)
from cior_store.questions.accounting import Balances
from cior_store.questions.asking import window
from cior_store.seeing import clause

S = TypeVar("S", bound=Struct)
_NARROWED = "(empty({districts:Array(String)}) OR district = '' OR has({districts:Array(String)}, district))"
_WINDOW = "(since_ms = {since:Int64}, until_ms = {until:Int64})"


class ConsoleQuestions(Balances):
    """What the console asks. Statistics leave drills out; reserved records are counts, or are left out."""

    balances = "console.v_balance"

    def _seen(self, kind: type[S], sql: str, parameters: Mapping[str, Any]) -> tuple[S, ...]:
        """Asked with the eyes of who asked the console, which a server narrows by (:mod:`cior_store.seeing`)."""
        eyes = "" if self._store.dsn.embedded else clause()
        return self._store.ask(kind, sql + eyes, parameters)

    def signals_by_source(self, *, since_ms: int, until_ms: int) -> tuple[SourceCount, ...]:
        """Raw records by source and what they became; drills are counted in their own column only."""
        columns = ", ".join(SourceCount.__struct_fields__)
        sql = f"SELECT {columns} FROM console.v_signals{_WINDOW} ORDER BY source"
        return self._store.ask(SourceCount, sql, window(since_ms, until_ms))

    def dead_codes(self, *, since_ms: int, until_ms: int) -> tuple[DeadCount, ...]:
        """Dead letters by code."""
        sql = f"SELECT code, letters AS count FROM console.v_dead_codes{_WINDOW} ORDER BY code"
        return self._store.ask(DeadCount, sql, window(since_ms, until_ms))

    def camera_events(self, *, since_ms: int, until_ms: int) -> int:
        """Events that cameras gave, copies collapsed."""
        sql = f"SELECT sum(events) FROM console.v_events{_WINDOW} WHERE startsWith(source, 'vision/')"
        return int(self._store.value(sql, window(since_ms, until_ms)))

    def camera_words(self) -> tuple[CameraWord, ...]:
        """What is known of every camera's pictures now, by id; those of the catalogue are all there."""
        columns = ", ".join(CameraWord.__struct_fields__)
        return self._store.ask(CameraWord, f"SELECT {columns} FROM console.v_cameras ORDER BY camera")

    def units(self, *, drills: bool = False) -> tuple[UnitRow, ...]:
        """Where every unit of an agency said last that it is, by id; those of exercises with ``drills``."""
        columns = ", ".join(UnitRow.__struct_fields__)
        sql = f"SELECT {columns} FROM console.v_units WHERE ({{drills:UInt8}} OR NOT drill) ORDER BY unit"
        return self._store.ask(UnitRow, sql, {"drills": int(drills)})

    def alerts_by_level(self, *, since_ms: int, until_ms: int) -> tuple[LevelCount, ...]:
        """Alerts opened in the window by level, with each level's reasons by frequency."""
        sql = f"SELECT level, alerts, open, reasons FROM console.v_levels{_WINDOW} ORDER BY level"
        return self._store.ask(LevelCount, sql, window(since_ms, until_ms))

    def drill_alerts(self, *, since_ms: int, until_ms: int) -> int:
        """How many alerts of the window were drills: what the statistics leave out."""
        sql = f"SELECT alerts FROM console.v_drills{_WINDOW}"
        return int(self._store.value(sql, window(since_ms, until_ms)))

    def p1_latency(self, *, since_ms: int, until_ms: int) -> LatencyRow:
        """How long alerts that reached P1 took; exact quantiles, zeros when there was none."""
        columns = ", ".join(LatencyRow.__struct_fields__)
        sql = f"SELECT {columns} FROM console.v_p1_latency{_WINDOW}"
        return self._store.ask(LatencyRow, sql, window(since_ms, until_ms))[0]

    def ledger_there(self, *, after: int, until: int) -> LedgerThere:
        """How much of the ledger's copy stands there, of the numbers above ``after`` up to ``until``."""
        sql = "SELECT entries, highest FROM console.v_ledger_there(after = {after:UInt64}, until = {until:UInt64})"
        return self._store.ask(LedgerThere, sql, {"after": after, "until": until})[0]

    def false_alarms(self) -> tuple[FalseAlarmRow, ...]:
        """The false-alarm ledger by source and type, worst share first."""
        names = ", ".join(FalseAlarmRow.__struct_fields__)
        return self._store.ask(
            FalseAlarmRow,
            f"SELECT {names} FROM console.v_false_alarms ORDER BY false_share DESC NULLS LAST, source, type",
        )

    def blind_spots(self, *, drills: bool = False, districts: Sequence[str] = ()) -> tuple[BlindSpot, ...]:
        """Devices and sources we cannot rely on now, the longest first; reserved ones last, a count a district.

        ``districts`` narrows to these and to what has none; empty narrows nothing.
        """
        columns = ", ".join(BlindSpot.__struct_fields__)
        sql = f"""SELECT {columns} FROM console.v_blind_spots WHERE ({{drills:UInt8}} OR NOT drill) AND {_NARROWED}
            ORDER BY reserved, since_ms, subject, district"""
        return self._seen(BlindSpot, sql, {"drills": int(drills), "districts": list(districts)})

    def story(self, alert_id: str, *, districts: Sequence[str] = ()) -> tuple[StoryLine, ...]:
        """Every transition of one alert that is not reserved, in order; ``districts`` as for :meth:`blind_spots`."""
        columns = ", ".join(StoryLine.__struct_fields__)
        sql = f"""SELECT {columns} FROM console.v_story(alert = {{alert:String}}) WHERE {_NARROWED}
            ORDER BY version, at_ms, transition_id"""
        return self._seen(StoryLine, sql, {"alert": alert_id, "districts": list(districts)})

    def told(self, alert_id: str, *, districts: Sequence[str] = ()) -> tuple[ToldRow, ...]:
        """Who or what was told or switched for one alert that is not reserved, and what came back last."""
        columns = ", ".join(ToldRow.__struct_fields__)
        sql = f"""SELECT {columns} FROM console.v_told(alert = {{alert:String}}) WHERE {_NARROWED}
            ORDER BY issued_ms, command_id"""
        return self._seen(ToldRow, sql, {"alert": alert_id, "districts": list(districts)})
