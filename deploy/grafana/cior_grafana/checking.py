"""``cior grafana check``: is everything that the walls need there, and does every panel get an answer?

What a city runs after an upgrade of Grafana, its plugin, ClickHouse or CIOR.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from cior_core.model import Struct
from cior_grafana.asking_panels import DEFAULT_SLOW_MS, Asking, Finding, State
from cior_grafana.connecting import fit
from cior_grafana.drift import Drift, Wanted, board_drift, folder_drift, rule_drift, source_drift
from cior_grafana.port import GrafanaPort, NotOffered

PLUGIN, PLUGIN_VERSION = "grafana-clickhouse-datasource", "4.20.0"
"""The plugin that the macros were proven with; docker-compose.yml installs it."""
_WELL = frozenset({State.OK, State.EMPTY})


class Report(Struct, frozen=True, kw_only=True):
    """What ``--json`` prints."""

    grafana: str
    exit_code: int
    counts: dict[str, int]
    findings: tuple[Finding, ...]


def check(port: GrafanaPort, wanted: Wanted, *, slow_ms: int = DEFAULT_SLOW_MS) -> Iterator[Finding]:
    """A finding a thing, as each is looked at.

    Raises ``ConfigInvalid`` when this Grafana's version is not one that was meant, and what :class:`GrafanaPort` raises
    when nothing more can be asked.
    """
    health = fit(port)
    healthy = health.database == "ok"
    yield Finding(
        kind="grafana",
        name=health.version,
        state=State.OK if healthy else State.FAILING,
        what="" if healthy else f"its own database says '{health.database}'",
    )
    yield from _or_unread("plugin", PLUGIN, lambda: _plugin(port))
    yield from _sources(port, wanted)
    for folder in wanted.access.folders:
        yield from _drifts("folder", folder.uid, folder_drift(port, folder))
    yield from _or_unread("rules", "alert rules", lambda: _rules(port, wanted))
    for ours in wanted.boards:
        yield from _drifts("board", ours.uid, board_drift(port, ours))
    yield from _or_unread("query", "all panels", lambda: _queries(port, wanted, slow_ms))


def _or_unread(kind: str, name: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings, or one that says that this client cannot look."""
    try:
        yield from look()
    except NotOffered as error:
        yield Finding(kind=kind, name=name, state=State.UNREAD, what=f"{error.sentence}; {error.cure}")


def _plugin(port: GrafanaPort) -> Iterator[Finding]:
    found = port.plugin(PLUGIN)
    if found is None:
        what = f"not installed: GF_PLUGINS_PREINSTALL_SYNC={PLUGIN}@{PLUGIN_VERSION}"
        yield Finding(kind="plugin", name=PLUGIN, state=State.MISSING, what=what)
    elif found.info.version != PLUGIN_VERSION:
        what = (
            f"{found.info.version}, proven with {PLUGIN_VERSION}: install that, or look at every panel below"
        )
        yield Finding(kind="plugin", name=PLUGIN, state=State.DIFFERS, what=what)
    else:
        yield Finding(kind="plugin", name=PLUGIN, state=State.OK, what=PLUGIN_VERSION)


def _sources(port: GrafanaPort, wanted: Wanted) -> Iterator[Finding]:
    drifts = {one.name: one for one in source_drift(port, wanted.access)}
    for uid in wanted.access.sources:
        if uid in drifts:
            yield _drifted(drifts[uid])
        else:
            yield from _or_unread("data source", uid, partial(_source_health, port, uid))


def _source_health(port: GrafanaPort, uid: str) -> list[Finding]:
    found = port.source_health(uid)
    well = found.status == "OK"
    state = State.OK if well else State.FAILING
    return [Finding(kind="data source", name=uid, state=state, what="" if well else found.message[:300])]


def _rules(port: GrafanaPort, wanted: Wanted) -> Iterator[Finding]:
    drifts = {one.name: one for one in rule_drift(port, wanted.rules)}
    for rule in wanted.rules:
        lost = drifts.get(rule.uid)
        yield _drifted(lost) if lost else Finding(kind="rule", name=rule.uid, state=State.OK)


def _queries(port: GrafanaPort, wanted: Wanted, slow_ms: int) -> Iterator[Finding]:
    asking = Asking(port=port, slow_ms=slow_ms)
    for ours in wanted.boards:
        yield from asking.board(ours.board)


def _drifts(kind: str, name: str, drifts: Iterable[Drift]) -> Iterator[Finding]:
    found = [_drifted(one) for one in drifts]
    yield from found or [Finding(kind=kind, name=name, state=State.OK)]


def _drifted(one: Drift) -> Finding:
    gone = one.what.startswith(("missing", "not loaded"))
    return Finding(
        kind=one.kind, name=one.name, state=State.MISSING if gone else State.DIFFERS, what=one.what
    )


def exit_code(findings: Sequence[Finding]) -> int:
    """0: all well, empty panels included; 1: something is to be looked at; 2: something could not be looked at."""
    states = {one.state for one in findings}
    if State.UNREAD in states:
        return 2
    return 0 if states <= _WELL else 1


def report(url: str, findings: Sequence[Finding]) -> bytes:
    """The findings as JSON."""
    counts = {state.value: sum(one.state is state for one in findings) for state in State}
    whole = Report(grafana=url, exit_code=exit_code(findings), counts=counts, findings=tuple(findings))
    return msgspec.json.format(msgspec.json.encode(whole), indent=2)


def table(findings: Sequence[Finding]) -> Iterator[str]:
    """A line a thing, the ones that are well last and short; then how many stand how."""
    order = list(State)
    for one in sorted(findings, key=lambda each: -order.index(each.state)):
        took = f" {one.ms} ms" if one.ms is not None else ""
        rows = f" {one.rows} rows" if one.rows is not None else ""
        yield f"{one.state.value:8} {one.kind:11} {one.name}{took}{rows}" + (
            f"  {one.what}" if one.what else ""
        )
    counts = [f"{sum(one.state is state for one in findings)} {state.value}" for state in State]
    yield ", ".join(counts)
