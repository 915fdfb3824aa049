"""What a wall waits for: every query of every board over millions of events, as its deployed user, over HTTP.

    python benchmarks/bench_grafana.py [--quick] [--rounds 15] [--board muro]

The store is made in the engine itself: a week of events (most of them positions), their raw records, 41 days of alerts
at 4,900 a day, the health of devices. ``--quick`` makes a tenth. Ranges are each board's own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cior_grafana.board import Board  # noqa: E402
from cior_grafana.boards import BOARDS  # noqa: E402
from cior_grafana.macros import Window, ready, used_variables  # noqa: E402
from cior_grafana.preview_values import moment_of  # noqa: E402
from cior_grafana.queries import Query  # noqa: E402
from cior_store.engine import Store  # noqa: E402
from cior_store.migrate import bundled, migrate  # noqa: E402
from engines.clickhouse_lite import ADMIN, ClickHouseLite  # noqa: E402
from integration.grafana.asking import USERS, ask  # noqa: E402
from measured import Clocked, Row, Table, quantile, write  # noqa: E402

AIM_MS = 200.0
EVENTS, BLOCK = 10_000_000, 500_000
ALERTS_PER_EVENT = 0.02
DISTRICTS = "['centro', 'norte', 'noroeste', 'oeste', 'sudoeste', 'sur']"

# One event in forty is a press, a call or an alarm; the others are positions of vehicles and words of devices.
_PLACED = f"""
    number % 6 + 1 AS at_district, {DISTRICTS}[at_district] AS district,
    -32.9 - (cityHash64(number) % 1000) / 10000 AS lat, -60.62 - (cityHash64(number, 1) % 1000) / 10000 AS lon"""
_WHEN = "fromUnixTimestamp64Milli(toInt64({end} - intDiv((number + 1) * 604800000, {events})), 'UTC')"
_EVENTS = f"""INSERT INTO ops.events (event_id, source, type, subject, phase, occurred, received, clock, place_method,
    lat, lon, accuracy_m, h3_8, district, data_class, life_safety, lane, drill, native_type, connector, instance,
    raw_id, raw_sha256, summary, health, stored)
SELECT concat('e', toString(number)), ['urn:cior:traccar:norte', 'urn:cior:dc09:receptor-1', 'urn:cior:cad:mesa-911',
        'urn:cior:vision:norte'][kind],
    if(number % 40 > 0, ['position', 'heartbeat', 'position', 'camera.health'][kind],
        ['panic.bus', 'burglary.alarm', 'robbery.armed', 'vision.person_down'][kind]),
    concat(if(kind = 4, 'cam-', 'equipo-'), toString(cityHash64(number) % if(kind = 4, 400, 3000))),
    'new', received - INTERVAL 1 SECOND, {_WHEN} AS received,
    'synced', 'gps', lat, lon, 9., geoToH3(lat, lon, 8), district, 'restricted', number % 40 = 0,
    if(number % 40 = 0, 'urgent', 'telemetry'), number % 4000 = 0, concat('clase-', toString(number % 30)),
    ['traccar', 'dc09', 'cad_drop', 'vision'][kind], 'norte', concat('r', toString(number)), '', '',
    if(number % 40 > 0 AND kind = 4, ['up', 'up', 'degraded', 'silent'][intDiv(number, 4) % 4 + 1], ''),
    received + INTERVAL 1 SECOND
FROM (SELECT number, number % 4 + 1 AS kind, {_PLACED} FROM numbers({{first}}, {{count}}))"""
_RAWS = f"""INSERT INTO ops.raw (raw_id, source, subject, received, payload, sha256, content_type, connector,
    connector_version, instance, events, data_class, drill, digest)
SELECT *, chain_hash('', 0, '', '', raw_content(raw_id, source, subject, received, payload, content_type,
    CAST(map(), 'Map(String, String)'), connector, connector_version, instance, events, 0, data_class, drill::Bool))
FROM (SELECT concat('r', toString(number)) AS raw_id, ['urn:cior:traccar:norte', 'urn:cior:dc09:receptor-1',
        'urn:cior:cad:mesa-911', 'urn:cior:vision:norte'][number % 4 + 1] AS source,
    concat('equipo-', toString(cityHash64(number) % 3000)) AS subject, {_WHEN} AS received,
    concat('trama ', toString(number)) AS payload, '' AS sha256, '' AS content_type,
    ['traccar', 'dc09', 'cad_drop', 'vision'][number % 4 + 1] AS connector, '1' AS connector_version,
    'norte' AS instance, 1 AS events, 'restricted' AS data_class, number % 4000 = 0 AS drill
    FROM numbers({{first}}, {{count}}))"""
_ALERTS = f"""INSERT INTO ops.alert_current (alert_id, version, area, type, level, score, status, opened, updated,
    first_occurred, last_occurred, first_received, cause_received, place_method, lat, lon, h3_9, district, data_class,
    life_safety, silent, drill, assignee, disposition, protocol, acknowledged, dispatched, on_scene, closed, member_ids,
    sources, reason_codes, reason_points, reasons_es, reasons_en)
SELECT concat('a', toString(number)), 5, 'city', ['panic.bus', 'burglary.alarm', 'robbery.armed', 'vision.person_down',
        'silent.gbv'][number % 5 + 1], concat('P', toString(number % 5 + 1)), 50,
    if(number < 200, ['open', 'acknowledged'][number % 2 + 1], 'closed') AS status,
    fromUnixTimestamp64Milli(toInt64({{end}} - intDiv((number + 1) * 3542400000, {{alerts}})), 'UTC') AS opened,
    opened + INTERVAL 20 MINUTE, opened - INTERVAL 2 SECOND, opened, opened - INTERVAL 1 SECOND,
    opened - INTERVAL 1 SECOND, 'gps', if(number % 5 = 4, NULL, lat), if(number % 5 = 4, NULL, lon), 0, district,
    if(number % 5 = 4, 'sealed', 'restricted'), number % 5 < 2, number % 5 = 4, number % 500 = 0,
    concat('operador-', toString(number % 12)),
    if(status = 'closed', if(number % 300 = 0, 'confirmed', 'false_alarm'), ''), 'panic',
    opened + toIntervalSecond(20 + number % 200), opened + toIntervalSecond(90 + number % 300),
    if(number % 3 = 0, NULL, opened + toIntervalSecond(300 + number % 900)),
    if(status = 'closed', opened + INTERVAL 20 MINUTE, NULL), [concat('e', toString(number * 40))],
    [['urn:cior:traccar:norte', 'urn:cior:dc09:receptor-1', 'urn:cior:cad:mesa-911'][number % 3 + 1]], ['base'], [50],
    ['base'], ['base']
FROM (SELECT number, {_PLACED} FROM numbers({{alerts}}))"""
_STEPS = """INSERT INTO ops.alert_log (transition_id, alert_id, area, version, at, kind, actor, level, status, drill,
    data_class)
SELECT concat('t', toString(number)), concat('a', toString(intDiv(number, 4))), 'city', number % 4 + 1,
    fromUnixTimestamp64Milli(toInt64({end} - intDiv((intDiv(number, 4) + 1) * 3542400000, {alerts})), 'UTC')
        + toIntervalSecond(number % 4 * 60), ['opened', 'acknowledged', 'dispatched', 'closed'][number % 4 + 1],
    'operador-1', concat('P', toString(intDiv(number, 4) % 5 + 1)), 'open', false, 'restricted'
FROM numbers({alerts} * 4)"""

# The same questions over the tables of facts, as somebody would ask them who had no rollup: what the views save.
BASE_TABLES = {
    "falsas_alarmas.total": """SELECT countIf(disposition = 'confirmed') AS confirmed, count() AS judged
        FROM ops.alert_current FINAL WHERE NOT drill AND status = 'closed' AND $__timeFilter_ms(opened)
        AND disposition IN ('confirmed', 'false_alarm', 'unfounded')""",
    "carga.per_ten_by_level": """SELECT toStartOfInterval(opened, INTERVAL 10 MINUTE) AS time, level, count() AS alerts
        FROM ops.alert_current FINAL WHERE NOT drill AND $__timeFilter_ms(opened) GROUP BY time, level ORDER BY time""",
    "carga.by_connector": """SELECT connector, uniqExact(event_id) AS candidates FROM ops.events
        WHERE NOT drill AND lane = 'urgent' AND $__timeFilter_ms(received) GROUP BY connector""",
    "llamadas.volume": """SELECT toStartOfHour(received) AS time, uniqExact(event_id) AS calls FROM ops.events
        WHERE NOT drill AND connector = 'cad_drop' AND $__timeFilter_ms(received) GROUP BY time ORDER BY time""",
    "camaras.timeline": """SELECT toStartOfInterval(received, INTERVAL 10 MINUTE) AS time, subject,
        max(health != 'up') AS out FROM ops.events
        WHERE NOT drill AND startsWith(type, 'camera.') AND $__timeFilter_ms(received) GROUP BY time, subject""",
}


def fill(store: Store, events: int, end_ms: int) -> Iterator[str]:
    """Make the store, telling each step."""
    values = {"end": end_ms, "events": events, "alerts": int(events * ALERTS_PER_EVENT)}
    for first in range(0, events, BLOCK):
        for statement in (_EVENTS, _RAWS):
            store.command(statement.format(**values, first=first, count=min(BLOCK, events - first)))
        yield f"{min(first + BLOCK, events):,} events"
    for statement in (_ALERTS, _STEPS):
        store.command(statement.format(**values))
    for poured in (each for each in bundled()[25].statements if "INTO ops.alert_clock" in each):
        store.command(poured)
    yield f"{values['alerts']:,} alerts"


def time_ms(server: ClickHouseLite, user: str, sql: str, *, rounds: int) -> list[float]:
    """Milliseconds of each of ``rounds`` answers; one more goes before and is not counted."""
    ask(server, user, sql)
    found = []
    for _ in range(rounds):
        started_s = time.perf_counter()
        ask(server, user, sql)
        found.append((time.perf_counter() - started_s) * 1000)
    return found


def measure(server: ClickHouseLite, board: Board, *, rounds: int) -> Table:
    """A row a query of the board, over the board's own range."""
    now = datetime.now(UTC)
    window = Window.of(
        *(round(moment_of(text, now).timestamp() * 1000) for text in (board.since, board.until))
    )
    rows = [
        row
        for query in board.questions()
        for row in _rows(server, board, query, window=window, rounds=rounds)
    ]
    return Table(title=f"{board.name}, {board.since} to {board.until}", rows=tuple(rows))


def _rows(
    server: ClickHouseLite, board: Board, query: Query, *, window: Window, rounds: int
) -> Iterator[Row]:
    sql = ready(query.sql, window, dict.fromkeys(used_variables(query.sql), "centro"))
    times = time_ms(server, USERS[query.audience], sql, rounds=rounds)
    base: list[float] = []
    if base_sql := BASE_TABLES.get(f"{board.name}.{query.name}"):
        base = time_ms(server, ADMIN, ready(base_sql, window), rounds=rounds)
    median, base_ms = quantile(times, 0.5), quantile(base, 0.5) if base else None
    print(f"  {query.name:36} {median:8.1f} ms", flush=True)
    yield Row(
        label=query.name,
        unit="ms",
        median=round(median, 1),
        p95=round(quantile(times, 0.95), 1),
        n=rounds,
        ratio=round(median / base_ms, 2) if base_ms else None,
        baseline="base tables" if base_ms else "",
        aim=f"median ≤ {AIM_MS:g}",
        met=median <= AIM_MS,
    )
    if base_ms:
        p95 = round(quantile(base, 0.95), 1)
        yield Row(label=f"{query.name}: base tables", unit="ms", median=round(base_ms, 1), p95=p95, n=rounds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--board", action="append", help="only these")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    events = EVENTS // 10 if options.quick else EVENTS
    clocked = Clocked("grafana", "Panels of the walls", quick=options.quick)
    boards = [board for board in BOARDS if not options.board or board.name in options.board]
    with (
        tempfile.TemporaryDirectory() as folder,
        ClickHouseLite(Path(folder)) as server,
        Store.open(server.dsn(), timeout_s=300) as store,
    ):
        migrate(store)
        for told in fill(store, events, time.time_ns() // 1_000_000):
            print(told, flush=True)
        tables = [measure(server, board, rounds=options.rounds) for board in boards]
        notes = _notes(store, events, tables)
    print(write(clocked.result(tables, notes)))


def _notes(store: Store, events: int, tables: Sequence[Table]) -> tuple[str, ...]:
    missed = [
        f"{table.title.split(',')[0]}: {row.label}"
        for table in tables
        for row in table.rows
        if row.met is False
    ]
    alerts = int(store.value("SELECT count() FROM ops.alert_current"))
    return (
        f"{events:,} events in a week with their raw records, {alerts:,} alerts in 41 days.",
        "Lite server (the engine itself, one process), HTTP on loopback.",
        "Each query as the database user of its data source, over its board's own range.",
        "Above the aim: " + ("; ".join(missed) or "none") + ".",
    )


if __name__ == "__main__":
    main()
