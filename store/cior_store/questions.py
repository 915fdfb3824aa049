"""Every question the project asks of the store, as a named function. SQL lives here, in the migrations and in ``deploy/grafana``, nowhere else.

Time windows are half open: ``since_ms`` belongs to them, ``until_ms`` does not. Unless it says otherwise a window is over the time of *receipt*.
Statistics leave drills out; questions about the present show them with their flag.
"""

from __future__ import annotations

from typing import Any, TypeVar

from cior_core.model import Struct
from cior_store.answers import (
    AlertRow,
    BalanceRow,
    BlindSpot,
    CommandRow,
    DeadRow,
    DeviceRow,
    EventRow,
    FalseAlarmRow,
    LatencyRow,
    LevelCount,
    MinuteCount,
    RawRow,
    SourceCount,
    StoryLine,
)
from cior_store.engine import Store

S = TypeVar("S", bound=Struct)
_WINDOW = "received >= fromUnixTimestamp64Milli({since:Int64}) AND received < fromUnixTimestamp64Milli({until:Int64})"
_ALERT = """SELECT alert_id, version, area, type, level, score, status, toUnixTimestamp64Milli(opened) AS opened_ms,
    toUnixTimestamp64Milli(updated) AS updated_ms, lat, lon, district, life_safety, silent, degraded, drill, suppressed_by != '' AS suppressed, assignee,
    length(member_ids) AS members, sources, reason_codes, reason_points, reasons_es, reasons_en
    FROM ops.alert_current FINAL"""


def _window(since_ms: int, until_ms: int, **more: Any) -> dict[str, Any]:
    return {"since": since_ms, "until": until_ms, **more}


class Questions:
    """All questions over one open store; thread-safe as the store is."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_alerts(
        self, *, level: str | None = None, district: str | None = None, drills: bool = True, limit: int = 500
    ) -> tuple[AlertRow, ...]:
        """Alerts that are neither closed nor merged, in the order of :func:`cior_core.priority.order`."""
        sql = f"""{_ALERT} WHERE status NOT IN ('closed', 'merged') AND ({{level:String}} = '' OR level = {{level:String}})
            AND ({{district:String}} = '' OR district = {{district:String}}) AND ({{drills:UInt8}} OR NOT drill)
            ORDER BY level, status != 'open', score DESC, opened, alert_id LIMIT {{limit:UInt32}}"""
        return self._store.ask(
            AlertRow,
            sql,
            {"level": level or "", "district": district or "", "drills": int(drills), "limit": limit},
        )

    def alert(self, alert_id: str) -> AlertRow | None:
        """One alert's present state."""
        return _first(self._store.ask(AlertRow, f"{_ALERT} WHERE alert_id = {{id:String}}", {"id": alert_id}))

    def alert_body(self, alert_id: str) -> bytes | None:
        """One alert's present state as the exact record of its topic (all members, timers, notes)."""
        found = self._store.blobs(
            "SELECT body FROM ops.alert_current FINAL WHERE alert_id = {id:String}", {"id": alert_id}
        )
        return found[0][0] if found else None

    def alert_story(self, alert_id: str) -> tuple[StoryLine, ...]:
        """Every transition of one alert, in order."""
        sql = """SELECT transition_id, version, toUnixTimestamp64Milli(at) AS at_ms, kind, actor, level, status, detail_es, detail_en, reason_codes, item_id
            FROM ops.alert_log FINAL WHERE alert_id = {id:String} ORDER BY version, at, transition_id"""
        return self._store.ask(StoryLine, sql, {"id": alert_id})

    def event(self, event_id: str) -> EventRow | None:
        """One event with its exact bytes; of several copies the last stored."""
        sql = """SELECT event_id, source, type, subject, toUnixTimestamp64Milli(occurred), toUnixTimestamp64Milli(received),
            toUnixTimestamp64Milli(stored), raw_id, data_class, drill, body
            FROM ops.events WHERE event_id = {id:String} ORDER BY stored DESC, pos DESC LIMIT 1"""
        found = self._store.blobs(sql, {"id": event_id})
        return _bytes_row(EventRow, found)

    def raw(self, raw_id: str) -> RawRow | None:
        """One raw record with its exact payload, as received."""
        sql = "SELECT raw_id, source, toUnixTimestamp64Milli(received), sha256, content_type, payload FROM ops.raw WHERE raw_id = {id:String} LIMIT 1"
        found = self._store.blobs(sql, {"id": raw_id})
        return _bytes_row(RawRow, found)

    def raws_of_event(self, event_id: str) -> tuple[str, ...]:
        """Ids of every raw record that carried this event: all re-sent copies of one press."""
        rows = self._store.rows(
            "SELECT DISTINCT raw_id FROM ops.event_links WHERE event_id = {id:String} ORDER BY raw_id",
            {"id": event_id},
        )
        return tuple(str(row["raw_id"]) for row in rows)

    def events_by_minute(
        self, *, since_ms: int, until_ms: int, source: str | None = None
    ) -> tuple[MinuteCount, ...]:
        """Events a minute by source and type, copies collapsed, drills left out."""
        sql = f"""SELECT toUnixTimestamp(toStartOfMinute(toDateTime(received, 'UTC'))) * 1000 AS minute_ms, source, type, count() AS events
            FROM ops.events FINAL WHERE {_WINDOW} AND NOT drill AND ({{source:String}} = '' OR source = {{source:String}})
            GROUP BY minute_ms, source, type ORDER BY minute_ms, source, type"""
        return self._store.ask(MinuteCount, sql, _window(since_ms, until_ms, source=source or ""))

    def dead_letters(self, *, since_ms: int, until_ms: int, limit: int = 500) -> tuple[DeadRow, ...]:
        """What could not be decoded or processed, newest first, without the bytes."""
        sql = """SELECT dead_id, toUnixTimestamp64Milli(at) AS at_ms, stage, code, reason, source, payload_bytes, payload_sha256, life_safety, data_class, raw_id
            FROM ops.dead_letters FINAL WHERE at >= fromUnixTimestamp64Milli({since:Int64}) AND at < fromUnixTimestamp64Milli({until:Int64})
            ORDER BY at DESC, dead_id LIMIT {limit:UInt32}"""
        return self._store.ask(DeadRow, sql, _window(since_ms, until_ms, limit=limit))

    def dead_payload(self, dead_id: str) -> bytes | None:
        """The exact bytes of a dead letter; empty for one of a sealed source, whose bytes only the response team reads."""
        found = self._store.blobs(
            "SELECT payload FROM ops.dead_letters FINAL WHERE dead_id = {id:String}", {"id": dead_id}
        )
        return found[0][0] if found else None

    def p1_latency(self, *, since_ms: int, until_ms: int) -> LatencyRow:
        """How long alerts that reached P1 took; exact quantiles, zeros when there was none."""
        columns = ", ".join(
            f"ifNotFinite(quantileExact({q})({name}_ms), 0) AS {name}_p{label}_ms"
            for name in ("decide", "visible") for q, label in ((0.5, 50), (0.95, 95), (0.99, 99))
        )  # fmt: skip
        return self._store.ask(
            LatencyRow,
            f"SELECT count() AS alerts, {columns} FROM ops.v_p1_latency WHERE {_WINDOW}",
            _window(since_ms, until_ms),
        )[0]

    def false_alarms(self) -> tuple[FalseAlarmRow, ...]:
        """The false-alarm ledger by source and type, worst share first."""
        names = ", ".join(FalseAlarmRow.__struct_fields__)
        return self._store.ask(
            FalseAlarmRow,
            f"SELECT {names} FROM ops.v_false_alarms ORDER BY false_share DESC NULLS LAST, source, type",
        )

    def reconciliation(self, *, since_ms: int, until_ms: int) -> tuple[BalanceRow, ...]:
        """Accepted against stored, minute by minute and connector instance by instance, computed now from stored rows alone.

        A press re-sent forty times is forty raw records and one event: outcomes are counted by (raw record, index), so that balances too.
        """
        return self._store.ask(
            BalanceRow, _BALANCE, {"since_s": since_ms // 1000, "until_s": until_ms // 1000}
        )

    def blind_spots(self, *, drills: bool = False) -> tuple[BlindSpot, ...]:
        """Devices and sources we cannot rely on now, the longest first."""
        sql = """SELECT subject, source, connector, health, toUnixTimestamp64Milli(since) AS since_ms, district, lat, lon, detail, drill
            FROM ops.v_blind_spots WHERE {drills:UInt8} OR NOT drill ORDER BY since_ms, subject"""
        return self._store.ask(BlindSpot, sql, {"drills": int(drills)})

    def signals_by_source(self, *, since_ms: int, until_ms: int) -> tuple[SourceCount, ...]:
        """Raw records by source and what they became; drills are counted in their own column only."""
        sql = f"""SELECT source, countIf(NOT drill) AS signals, sumIf(events, NOT drill) AS events, sumIf(dead, NOT drill) AS dead,
            countIf(drill) AS drills, toUnixTimestamp64Milli(max(received)) AS last_ms
            FROM (SELECT source, drill, events, dead, received FROM ops.raw FINAL WHERE {_WINDOW}) GROUP BY source ORDER BY source"""
        return self._store.ask(SourceCount, sql, _window(since_ms, until_ms))

    def alerts_by_level(self, *, since_ms: int, until_ms: int) -> tuple[LevelCount, ...]:
        """Alerts opened in the window by level, with each level's reasons by frequency; drills left out."""
        sql = """SELECT level, count() AS alerts, countIf(status NOT IN ('closed', 'merged')) AS open,
            arrayReverseSort(x -> (x.2, x.1), arrayZip((sumMap(reason_codes, arrayMap(x -> toUInt64(1), reason_codes)) AS tally).1, tally.2)) AS reasons
            FROM ops.alert_current FINAL WHERE NOT drill AND opened >= fromUnixTimestamp64Milli({since:Int64})
            AND opened < fromUnixTimestamp64Milli({until:Int64}) GROUP BY level ORDER BY level"""
        return self._store.ask(LevelCount, sql, _window(since_ms, until_ms))

    def drill_alerts(self, *, since_ms: int, until_ms: int) -> int:
        """How many alerts of the window were drills: what the statistics leave out."""
        sql = """SELECT count() FROM ops.alert_current FINAL WHERE drill AND opened >= fromUnixTimestamp64Milli({since:Int64})
            AND opened < fromUnixTimestamp64Milli({until:Int64})"""
        return int(self._store.value(sql, _window(since_ms, until_ms)))

    def devices(self, *, connector: str | None = None, limit: int = 5000) -> tuple[DeviceRow, ...]:
        """Every device's last state."""
        sql = """SELECT device, source, connector, type, phase, toUnixTimestamp64Milli(occurred) AS occurred_ms,
            toUnixTimestamp64Milli(received) AS received_ms, clock, lat, lon, district, drill
            FROM ops.v_devices WHERE {c:String} = '' OR connector = {c:String} ORDER BY device, source LIMIT {limit:UInt32}"""
        return self._store.ask(DeviceRow, sql, {"c": connector or "", "limit": limit})

    def commands(self, alert_id: str) -> tuple[CommandRow, ...]:
        """The commands of one alert with their last receipts."""
        sql = """SELECT command_id, kind, alert_id, target, toUnixTimestamp64Milli(issued) AS issued_ms, toUnixTimestamp64Milli(expires) AS expires_ms,
            drill, outcome FROM ops.v_commands WHERE alert_id = {id:String} ORDER BY issued, command_id"""
        return self._store.ask(CommandRow, sql, {"id": alert_id})

    def sealed_raw(self, raw_id: str) -> RawRow | None:
        """One sealed record's box, for the response team's user only: every other user is refused by the server (``AccessDenied``)."""
        sql = "SELECT raw_id, source, toUnixTimestamp64Milli(received), sha256, content_type, payload FROM sealed.raw WHERE raw_id = {id:String} LIMIT 1"
        found = self._store.blobs(sql, {"id": raw_id})
        return _bytes_row(RawRow, found)


def _bytes_row(kind: type[S], found: list[tuple[Any, ...]]) -> S | None:
    """The first row as ``kind``: every cell is text or a number but the last, which stays the exact bytes."""
    if not found:
        return None
    *plain, payload = found[0]
    names = kind.__struct_fields__
    return kind(**dict(zip(names, [*map(_text, plain), payload], strict=True)))


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _first(found: tuple[AlertRow, ...]) -> AlertRow | None:
    return found[0] if found else None


_BALANCE = """
WITH toDateTime({since_s:Int64}, 'UTC') AS since, toDateTime({until_s:Int64}, 'UTC') AS until,
outcomes AS (SELECT minute, connector, instance, raw_id, events, dead FROM ops.raw_outcomes FINAL WHERE minute >= since AND minute < until),
landed AS (SELECT raw_id, uniqExact(raw_index) AS n FROM ops.event_links WHERE raw_id IN (SELECT raw_id FROM outcomes) GROUP BY raw_id),
buried AS (SELECT raw_id, uniqExact(dead_id) AS n FROM ops.dead_letters
           WHERE stage IN ('decode', 'store') AND raw_id IN (SELECT raw_id FROM outcomes) GROUP BY raw_id)
SELECT toUnixTimestamp(minute) * 1000 AS minute_ms, connector, instance, if(max(has) = 1, sum(claimed), NULL) AS accepted, sum(raws) AS raw_stored,
    sum(declared) AS outcomes_declared, sum(ev) AS events_stored, sum(de) AS dead_stored, min(is_exact) AS exact
FROM
(
    SELECT minute, connector, instance, accepted AS claimed, 1 AS has, 0 AS raws, 0 AS declared, 0 AS ev, 0 AS de, exact AS is_exact
    FROM ops.accounting FINAL WHERE minute >= since AND minute < until
    UNION ALL
    SELECT o.minute, o.connector, o.instance, 0, 0, 1, o.events + o.dead, landed.n, buried.n, true
    FROM outcomes AS o LEFT JOIN landed ON landed.raw_id = o.raw_id LEFT JOIN buried ON buried.raw_id = o.raw_id
)
GROUP BY minute, connector, instance
ORDER BY minute, connector, instance
"""
