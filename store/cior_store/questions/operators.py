"""What a wall or an operator asks: the present, drills shown with their flag."""

from __future__ import annotations

from cior_store.answers import AlertRow, CommandRow, DeviceRow, StoryLine
from cior_store.questions.asking import Asking

_ALERT = """SELECT alert_id, version, area, type, level, score, status, toUnixTimestamp64Milli(opened) AS opened_ms,
    toUnixTimestamp64Milli(updated) AS updated_ms, lat, lon, district, life_safety, silent, degraded, drill,
    suppressed_by != '' AS suppressed, assignee,
    length(member_ids) AS members, sources, reason_codes, reason_points, reasons_es, reasons_en,
    line, silence_hid
    FROM ops.alert_current FINAL"""


class OperatorQuestions(Asking):
    """What a wall or an operator asks: the present, drills shown with their flag."""

    def open_alerts(
        self, *, level: str | None = None, district: str | None = None, drills: bool = True, limit: int = 500
    ) -> tuple[AlertRow, ...]:
        """Alerts that are neither closed nor merged, in the order of :func:`cior_core.priority.order`."""
        sql = f"""{_ALERT} WHERE status NOT IN ('closed', 'merged')
            AND ({{level:String}} = '' OR level = {{level:String}})
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

    def open_alert_bodies(
        self, *, life_safety: bool, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """Ids and exact records of alerts that are neither closed nor merged, by id, those behind ``after``."""
        found = self._store.blobs(
            """SELECT alert_id, body FROM ops.alert_current FINAL
            WHERE status NOT IN ('closed', 'merged') AND life_safety = {life:UInt8} AND alert_id > {after:String}
            ORDER BY alert_id LIMIT {limit:UInt32}""",
            {"life": int(life_safety), "after": after, "limit": limit},
        )
        return [(name.decode(), body) for name, body in found]

    def alert_story(self, alert_id: str) -> tuple[StoryLine, ...]:
        """Every transition of one alert, in order."""
        sql = """SELECT transition_id, version, toUnixTimestamp64Milli(at) AS at_ms, kind, actor, level, status,
            detail_es, detail_en, reason_codes, item_id
            FROM ops.alert_log FINAL WHERE alert_id = {id:String} ORDER BY version, at, transition_id"""
        return self._store.ask(StoryLine, sql, {"id": alert_id})

    def devices(self, *, connector: str | None = None, limit: int = 5000) -> tuple[DeviceRow, ...]:
        """Every device's last state."""
        sql = """SELECT device, source, connector, type, phase, toUnixTimestamp64Milli(occurred) AS occurred_ms,
            toUnixTimestamp64Milli(received) AS received_ms, clock, lat, lon, district, drill
            FROM ops.v_devices WHERE {c:String} = '' OR connector = {c:String} ORDER BY device, source
            LIMIT {limit:UInt32}"""
        return self._store.ask(DeviceRow, sql, {"c": connector or "", "limit": limit})

    def commands(self, alert_id: str) -> tuple[CommandRow, ...]:
        """The commands of one alert with their last receipts."""
        sql = """SELECT command_id, kind, alert_id, target, toUnixTimestamp64Milli(issued) AS issued_ms,
            toUnixTimestamp64Milli(expires) AS expires_ms,
            drill, outcome FROM ops.v_commands WHERE alert_id = {id:String} ORDER BY issued, command_id"""
        return self._store.ask(CommandRow, sql, {"id": alert_id})


def _first(found: tuple[AlertRow, ...]) -> AlertRow | None:
    return found[0] if found else None
