"""``cior demo``: a simulated city on real wires through the whole system, then whether all of it is accounted for.

Ends with 0 only when all four kinds of source were heard, P1 alerts reached the wall within the aim, every device was
answered, the accounts balance, a replay of the recorded log gives the same bytes twice and no sealed identity stands
anywhere; otherwise with 1 and the reasons.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from cior.stack import Stack
from cior.up import tell_accounts, tell_keys, told_wall
from cior_bus import topics
from cior_bus.centre import load
from cior_bus.consumer import Batch, BatchConsumer
from cior_bus.gathering import BatchLimits
from cior_bus.keys import KeyRing, open_keys
from cior_bus.producer import Bus
from cior_bus.recording import record_log
from cior_bus.signers import open_signer, opener
from cior_city import packs
from cior_console.first_people import first_people
from cior_console.summary import Summary
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import SourceUnavailable
from cior_core.geo import City
from cior_core.model import Alert, AreaId
from cior_demo import asked_by_court, camera, eyes, leaks, roster, script
from cior_demo.court import Court
from cior_demo.desk import Desk
from cior_demo.next_steps import tell_again, tell_next
from cior_demo.player import Player, Truth, wall_ms
from cior_demo.roster import CAMERA
from cior_demo.town import Town, drawn_town, imported_town
from cior_demo.verdict import Shown, leak_faults, print_summary, verdict
from cior_demo.wall_summary import wall_summary
from cior_demo.watching import WallWatch
from cior_demo.wires import CadWire, PanelWire, TraccarWire
from cior_demo.world import ZONE, World, write_world
from cior_streams.replay import replay

SETTLE_S = 40.0
CLOSED_MS = 5_000
"""What the recorder began longer ago is in its index."""
YEAR_FORMAT = "%Y"
SIGNER = "demo"
"""In whose name the simulated operators sign what they do."""


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``cior demo`` was asked."""

    script: str = "viernes"
    keep: bool = False
    folder: Path | None = None
    model: Path | None = None
    model_sha256: str = ""
    clip: Path | None = None
    city: Path | None = None
    speed: float = 1.0


class _Stage(msgspec.Struct, kw_only=True):
    """Everything that plays in one demo."""

    script: script.Script
    city: City
    roster: roster.Roster
    folder: Path
    world: World
    eyes: eyes.Eyes
    stack: Stack
    ring: KeyRing
    court: Court
    night: asked_by_court.Night
    alerts: tuple[str, ...] = ()
    since_ms: int = 0
    """When everything stood and the play began."""

    @property
    def canaries(self) -> leaks.Canaries:
        """What of this city's sealed devices must be nowhere."""
        return leaks.Canaries.of(actor for actor in self.roster.actors.values() if actor.silent)


def run_demo(options: DemoOptions) -> int:
    """Play, tell, judge. The exit code is the verdict."""
    started_s = time.monotonic()
    with _folder(options.folder) as folder:
        stage = _stage(options, folder)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        with stage.court.open():
            reasons = _played(stage, options, stop, started_s)
        reasons += _leaks_left_behind(stage) + _wall(stage)
        if not options.keep:
            tell_again()
        return 1 if reasons else 0


def _played(stage: _Stage, options: DemoOptions, stop: threading.Event, started_s: float) -> list[str]:
    """The night, then what a court asks of it, while all of it runs."""
    try:
        reasons = _play(stage, options, stop, started_s) + _court(stage)
        click.echo(f"whole demo: {time.monotonic() - started_s:.0f} s")
        if options.keep and not stop.is_set():
            click.echo(f"left running (Ctrl-C ends it): {told_wall(stage.stack, stage.ring)}")
            tell_next(stage.stack.console_address)
            stop.wait()
    finally:
        click.echo("stopping ...")
        stage.stack.stop()
    return reasons


def _wall(stage: _Stage) -> list[str]:
    """What Grafana's wall would show, in words; what it says is searched for sealed identities too."""
    found = wall_summary(stage.stack.addresses.store_dsn, ZONE)
    told = "\n".join(f"  {line}" for line in found.lines)
    click.echo(f"El muro de Grafana mostraría / Grafana's wall would show\n{told}")
    leaked = {"the wall's panels": 1} if stage.canaries.stand_in(told.encode()) else {}
    return _say([*found.faults, *leak_faults(leaked)])


def _court(stage: _Stage) -> list[str]:
    """A request for what the camera saw and the alarms sent, up to what the recorder has closed."""
    scene = asked_by_court.Scene(
        folder=stage.folder,
        centre=stage.stack.centre,
        console=stage.stack.console_address,
        root=stage.court.root,
        night=stage.night,
        camera=CAMERA,
        alerts=stage.alerts,
        since_ms=stage.since_ms,
        until_ms=wall_ms() - CLOSED_MS,
    )
    return _say(asked_by_court.answer(scene))


def _leaks_left_behind(stage: _Stage) -> list[str]:
    """Tables and logs, once nobody owns them any more."""
    canaries = stage.canaries
    found = leaks.in_tables(stage.stack.addresses.store_dsn, canaries) | leaks.in_files(
        stage.stack.log_dir, canaries
    )
    click.echo(f"sealed identities in tables and logs: {sum(found.values()) or 'none'}")
    return _say(leak_faults(found))


def _say(faults: list[str]) -> list[str]:
    for fault in faults:
        click.echo(f"NOT RIGHT: {fault}")
    return faults


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="cior-demo-") as name:
        yield Path(name)


def _stage(options: DemoOptions, folder: Path) -> _Stage:
    given = Path(options.script)
    text = given.read_text(encoding="utf-8") if given.is_file() else script.bundled_text(options.script)
    play = script.load(text, file=given.name)
    town = drawn_town() if options.city is None else imported_town(options.city, folder / "city-pack")
    people = roster.build(town.city, seed=play.seed, lines=town.lines)
    world, seeing = _camera_stands(options, folder, people, town)
    centre = load(world.centre_file, folder / "data")
    centre.data.mkdir(parents=True, exist_ok=True)
    ring = open_keys(centre.data / "keys", own_team=True)
    click.echo(
        f"CIOR demo: {play.title_es} / {play.title_en} ({play.duration_s / options.speed:.0f} s), everything "
        f"on loopback, no Docker, no root"
    )
    click.echo(eyes.announced(seeing))
    tell_keys(ring)
    tell_accounts(first_people(centre))
    night = asked_by_court.night_people(centre)
    return _Stage(
        script=play,
        city=town.city,
        roster=people,
        folder=folder,
        world=world,
        eyes=seeing,
        stack=Stack(centre, ring.keys),
        ring=ring,
        court=Court(folder / asked_by_court.FOLDER, at=dt.datetime.now(dt.UTC)),
        night=night,
    )


def _camera_stands(
    options: DemoOptions, folder: Path, people: roster.Roster, town: Town
) -> tuple[World, eyes.Eyes]:
    """All files, the camera's film and its detector, tried: whatever is the matter with them is said before anything
    starts.
    """
    is_drawn = options.clip is None
    model = eyes.given_model(options.model, options.model_sha256)
    world = write_world(folder, roster=people, town=town, model=model, is_drawn=is_drawn)
    film = folder / "video" / f"{CAMERA}.mp4"
    film.parent.mkdir(exist_ok=True)
    if options.clip is None:
        camera.draw_clip(film)
    else:
        camera.copy_clip(options.clip, film)
    return world, eyes.tried(folder / "camera.toml", folder / "cameras.toml", is_drawn=is_drawn)


def _play(stage: _Stage, options: DemoOptions, stop: threading.Event, started_s: float) -> list[str]:
    stage.stack.supervisor.start(camera.camera_part(stage.folder / "video", stage.world.rtsp_port))
    stage.stack.start(lambda text: click.echo(f"starting {text} ..."))
    click.echo(
        f"ready after {time.monotonic() - started_s:.1f} s; wall: {told_wall(stage.stack, stage.ring)}"
    )
    click.echo(f"console: {stage.stack.console_address}")
    stage.since_ms = wall_ms()
    summary, watch, desk = asyncio.run(_scene(stage, options, stop))
    stage.alerts = tuple(desk.seen())
    log = stage.folder / "area-log.ndjson"
    record_log(stage.stack.addresses.bus_dsn, log)
    rules = packs.rule_pack()
    opens = opener(stage.stack.centre.data / "keys")
    first, second = (replay(log, rules, stage.folder / f"replay-{n}.ndjson", opens=opens) for n in (1, 2))
    sent = tuple(
        msgspec.json.decode(line, type=Truth)
        for line in (stage.folder / "truth.ndjson").read_bytes().splitlines()
    )
    same = first.sha256 == second.sha256
    print_summary(summary, watch, sent=sent)
    click.echo(
        f"\nreplay of {first.items} recorded items: {first.alerts} alerts, "
        f"twice the same bytes: {same} (sha256 {first.sha256[:16]}…)"
    )
    for look in desk.looks():
        click.echo(
            f"camera asked to look / cámara que se pidió mirar: {look.camera}: {look.text_es} / {look.text_en}"
        )
    saw = eyes.events_in(log)
    click.echo("\n".join(eyes.told(stage.eyes, saw, zone=ZONE)))
    found = leaks.in_topics(stage.stack.bus, stage.canaries)
    click.echo(f"sealed identities in topics: {sum(found.values()) or 'none'}")
    return _say(
        verdict(Shown(summary=summary, watch=watch, desk=desk, sent=sent, same_bytes=same, leaks=found))
        + eyes.faults(stage.eyes, saw)
    )


async def _scene(
    stage: _Stage, options: DemoOptions, stop: threading.Event
) -> tuple[Summary, WallWatch, Desk]:
    keys, world = stage.stack.keys, stage.world
    watch = WallWatch(stage.stack.wall_url)
    watching = asyncio.create_task(watch.run())
    await asyncio.wait_for(watch.connected.wait(), 15)
    player = Player(
        stage.script,
        city=stage.city,
        roster=stage.roster,
        zone=ZONE,
        speed=options.speed,
        truth=stage.folder / "truth.ndjson",
        traccar=TraccarWire(
            f"http://127.0.0.1:{world.traccar_port}/traccar", keys.traccar_secret, now_ms=wall_ms
        ),
        panels=PanelWire("127.0.0.1", world.dc09_port, key=bytes.fromhex(keys.dc09_key), now_ms=wall_ms),
        cad=CadWire(world.cad_folder, year=int(time.strftime(YEAR_FORMAT))),
    )
    desk_stop = threading.Event()
    desk, threads = _room(stage, options, desk_stop)
    playing = asyncio.create_task(player.run())
    while not playing.done() and not stop.is_set():
        await asyncio.wait({playing}, timeout=5)
        _progress(player, watch)
    if stop.is_set():
        playing.cancel()
        raise SourceUnavailable("demo.interrupted", "the demo was interrupted")
    await playing
    # A camera's open stretch is stated when it opens and recorded when it closes: only a stopped camera balances.
    supervisor = stage.stack.supervisor
    cameras = [supervisor.dismiss(name) for name in list(supervisor.parts) if name.startswith("vision-")]
    summary = await _settled(watch)
    for spec in cameras if options.keep else ():
        supervisor.start(spec, wait=False)
    desk_stop.set()
    for thread in threads:
        await asyncio.to_thread(thread.join, 5)
    watching.cancel()
    return summary, watch, desk


def _room(stage: _Stage, options: DemoOptions, stop: threading.Event) -> tuple[Desk, list[threading.Thread]]:
    """The simulated operators: one thread reads alerts, one acts."""
    bus = Bus(stage.stack.bus)
    centre = stage.stack.centre
    signer = open_signer(centre.data / "keys", SIGNER)
    desk = Desk(bus, stage.roster, area=AreaId(centre.file.centre.area), now_ms=wall_ms, signer=signer)
    reader = BatchConsumer(
        stage.stack.bus,
        group=f"cior-room-{time.time_ns()}",
        topics=[topics.ALERTS.name],
        limits=BatchLimits(max_wait_s=0.1),
    )

    def see(batch: Batch) -> None:
        for record in batch.records:
            alert = codec.decode(Kind.ALERT, record.value) if record.value else None
            if isinstance(alert, Alert):
                desk.see(alert)

    def act() -> None:
        desk.play(stage.script.operators(), started_s=started_s, speed=options.speed, stop=stop)
        stop.wait()
        bus.close()

    started_s = time.monotonic()
    threads = [
        threading.Thread(target=reader.run, args=(see,), kwargs={"stop": stop}, daemon=True),
        threading.Thread(target=act, daemon=True),
    ]
    for thread in threads:
        thread.start()
    return desk, threads


def _progress(player: Player, watch: WallWatch) -> None:
    levels = [one.level for one in watch.seen.values() if not one.drill]
    counts = "  ".join(f"{level} {levels.count(level)}" for level in ("P1", "P2", "P3", "P4", "P5"))
    sent = "  ".join(f"{wire} {count}" for wire, count in player.sent.items())
    click.echo(f"  sent: {sent}   |   on the wall: {counts}")


async def _settled(watch: WallWatch) -> Summary:
    """Wait until what was accepted is stored and correlated and nothing changes any more, at most ``SETTLE_S``; the
    last look is returned either way.
    """
    deadline_s = time.monotonic() + SETTLE_S
    steady = 0
    previous: tuple[int, int] | None = None
    while True:
        try:
            summary = msgspec.json.decode(await watch.ask("summary"), type=Summary)
        except SourceUnavailable:
            # A store that is busy now answers later: only one that never does ends the demo.
            if time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(2)
            continue
        now = (summary.balance.events, sum(level.alerts for level in summary.levels))
        steady = steady + 1 if summary.balance.even and now == previous else 0
        previous = now
        if steady >= 3 or time.monotonic() > deadline_s:
            return summary
        await asyncio.sleep(2)
