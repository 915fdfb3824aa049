"""The Faust application, built anew for every start (a stopped one cannot start again).

The only module, with ``runner`` and ``transport``, that knows Faust.

What must not change without measuring again (research on stream processing §0): agents with ``concurrency=1``; raw
bytes; no ``take()``, no ``noack()``; the handler on ``on_rebalance_complete``, without which Faust skips events after a
recovery; the repaired transport; the fetch wait on Tansu.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import faust

from cior_bus.credentials import MECHANISM, Scram
from cior_bus.log_end import ends_as_read
from cior_bus.message import RecordIn
from cior_bus.settings import Profile
from cior_bus.topics import TopicSpec
from cior_streams.guard import Guard, Handle, Rescue, nothing_to_rescue
from cior_streams.settings import BULK_FETCH_WAIT_MS, FETCH_WAIT_MS, Role, StreamSettings, faust_options
from cior_streams.transport import Transport

OnRebalance = Callable[[], None]


def create_app(settings: StreamSettings) -> faust.App:
    """An application without agents. Must be called inside the running loop that will serve it."""
    # What lies there may be ahead of the changelog: a killed worker had entries on their way. Replayed over them, the
    # changelog made a mixture of two steps (law 4). The changelog alone is the truth, so each start reads it whole.
    if settings.datadir.exists():
        shutil.rmtree(settings.datadir)
    settings.datadir.mkdir(parents=True)
    app = faust.App(settings.group, **faust_options(settings), **_keys(settings))
    app.transport = transport = Transport(app.conf.broker_consumer, app)
    _suspend_until_sought(app)
    if settings.bus.profile is Profile.TANSU:
        transport.ends = partial(ends_as_read, settings.bus)
        _shorten_fetch_wait(app, BULK_FETCH_WAIT_MS if settings.role is Role.BULK else FETCH_WAIT_MS)
    return app


def _keys(settings: StreamSettings) -> dict[str, Any]:
    """What Faust's own client shows; none for a broker that asks for nothing."""
    match settings.bus.credentials:
        case Scram() as own:
            shown = faust.SASLCredentials(
                username=own.user, password=own.password, mechanism=MECHANISM, ssl_context=own.context()
            )
            return {"broker_credentials": shown}
        case _:
            return {}


def _suspend_until_sought(app: faust.App) -> None:
    """Issue 596 of faust-streaming.

    After a recovery the streams are resumed, then the positions are sought, and the resume clears every queue; what was
    delivered in between is skipped for good. Holding the flow until Faust itself resumes it leaves nothing to skip.
    """

    async def hold(*_args: Any, **_kwargs: Any) -> None:
        app.flow_control.suspend()
        app.consumer.stop_flow()

    app.on_rebalance_complete.connect(hold, weak=False)


def _shorten_fetch_wait(app: faust.App, wait_ms: int) -> None:
    """Look for new data every ``wait_ms``: Tansu does so at half of the fetch wait only."""
    # Faust has no setting for it: 1500 ms are written into its driver.

    async def shorten(*_args: Any, **_kwargs: Any) -> None:
        consumer: Any = app.consumer
        consumer._thread._consumer._fetcher._fetch_max_wait_ms = wait_ms  # noqa: SLF001  no setting reaches it

    app.on_partitions_assigned.connect(shorten, weak=False)


def on_assigned(app: faust.App, call: OnRebalance) -> None:
    """Call ``call`` whenever the partitions of this worker have changed, before any message of the new ones."""

    async def assigned(*_args: Any, **_kwargs: Any) -> None:
        call()

    app.on_partitions_assigned.connect(assigned, weak=False)


def bytes_table(app: faust.App, name: str, settings: StreamSettings) -> Any:
    """A table of bytes by bytes with the partition count of the topics it serves.

    Raises ``KeyError`` when no changelog is planned for it (``cior_bus.rights``): Kafka would have none.
    """
    if name not in settings.user.rights.tables:
        raise KeyError(name)
    return app.Table(name, partitions=settings.partitions, key_type=bytes, value_type=bytes)


def add_agent(
    app: faust.App,
    spec: TopicSpec,
    handle: Handle,
    *,
    name: str,
    guard: Guard,
    rescue: Rescue = nothing_to_rescue,
) -> None:
    """One agent on one topic: every message through the guard, one at a time.

    A message is acknowledged when the guard returns.
    """
    topic = app.topic(
        spec.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    async def body(stream: Any) -> None:
        async for event in stream.events():
            await guard.run(
                _record(event.message), handle, agent=name, rescue=rescue, queued=stream.channel.queue.qsize
            )

    app.agent(topic, name=f"{app.conf.id}.{name}", concurrency=1)(body)


def _record(message: Any) -> RecordIn:
    """A Faust message as everybody else reads one."""
    return RecordIn(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        timestamp_ms=int((message.timestamp or 0) * 1_000),
        headers=tuple(dict(message.headers or {}).items()),
    )


def owned_partitions(app: faust.App, topic: str) -> frozenset[int]:
    """The partitions of ``topic`` that this worker reads now."""
    return frozenset(each.partition for each in app.consumer.assignment() if each.topic == topic)


def committed_offsets(app: faust.App) -> dict[tuple[str, int], int]:
    """The next offset to read, as committed by this worker, by partition.

    Faust publishes no such number (its monitor's stays empty).
    """
    consumer: Any = app.consumer
    committed = dict(consumer._committed_offset)  # noqa: SLF001  published nowhere
    return {(tp.topic, tp.partition): offset for tp, offset in committed.items() if offset is not None}


def is_ready(app: faust.App) -> bool:
    """Recovered, assigned and reading."""
    consumer: Any = app.consumer
    tables: Any = app.tables
    return (
        bool(consumer.flow_active)
        and not app.rebalancing
        and not app.in_recovery
        and tables.recovery.completed.is_set()
    )


def changelogs(app: faust.App) -> frozenset[str]:
    """The topics that hold this application's tables."""
    return frozenset(table.changelog_topic.get_topic_name() for table in app.tables.values())


def send_errors(app: faust.App) -> int:
    """Table entries that the broker did not take.

    The table here is ahead of its changelog and must not be trusted further.
    """
    return int(app.monitor.send_errors)


def add_timer(app: faust.App, turn: Callable[[], Awaitable[None]], *, every_s: float, guard: Guard) -> None:
    """Call ``turn`` every ``every_s`` seconds on this worker; its faults are the guard's business."""

    async def due(*_args: Any) -> None:
        await guard.quietly(turn)

    app.timer(interval=every_s)(due)
