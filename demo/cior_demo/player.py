"""Plays a script: background traffic and steps on a relative clock, over the wires. Writes what it did to a truth
file, one JSON line a signal.

The truth file is how a demo or a test knows what *should* have arrived; nothing else in the system reads it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import msgspec
import structlog

from cior_core.geo import City
from cior_demo.roster import UNIT_KINDS, Actor, Roster, city_point, is_beside_sealed
from cior_demo.script import Do, Script, Step
from cior_demo.wires import CadWire, PanelWire, Sent, TraccarWire

log = structlog.get_logger("cior.simulator")

# Natures of ordinary calls, with their share; roughly half of what a 911 desk hears is no emergency.
NATURES = (
    ("Ruidos molestos", 30),
    ("Consulta", 22),
    ("Discusión en vía pública", 12),
    ("Choque sin lesionados", 8),
    ("Persona sospechosa", 8),
    ("Alarma privada", 9),
    ("Luminaria apagada", 4),
    ("Caída de árbol", 2),
    ("Dolor de pecho", 3),
    ("Robo de bicicleta", 2),
)


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """One signal as sent.

    ``wire``: traccar, dc09 or cad; ``story`` is true for a step of the script, false for background.
    """

    at_ms: int
    acked_ms: int | None
    attempts: int
    wire: str
    actor: str
    subject: str
    do: str
    story: bool
    code: str = ""


def wall_ms() -> int:
    """The simulator's devices read this clock."""
    return time.time_ns() // 1_000_000


class Player:
    """One run of a script. ``speed`` > 1 plays faster."""

    def __init__(  # noqa: PLR0913 - the wires of a city
        self,
        script: Script,
        *,
        city: City,
        roster: Roster,
        traccar: TraccarWire,
        panels: PanelWire,
        cad: CadWire,
        truth: Path,
        zone: str,
        speed: float = 1.0,
    ) -> None:
        self.script, self.city, self.roster = script, city, roster
        self.traccar, self.panels, self.cad = traccar, panels, cad
        self._zone = ZoneInfo(zone)
        self._speed = speed
        self._dice = random.Random(script.seed)  # noqa: S311 - a scene, not a secret
        self._truth_path = truth
        self._truth: TextIO | None = None
        self._places = {actor.name: (actor.lat, actor.lon) for actor in roster.actors.values()}
        self._ways: dict[str, tuple[int, int]] = {}
        self._calls: dict[str, tuple[str, str, float, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent: dict[str, int] = {"traccar": 0, "dc09": 0, "cad": 0}

    async def run(self) -> None:
        """Play to the end, then wait for the last answers and hang up."""
        with self._truth_path.open("a", encoding="utf-8") as self._truth:
            background = [asyncio.create_task(work) for work in self._background()]
            await self._story()
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            self._drop()
            await asyncio.gather(*self._tasks)
            await self.traccar.close()
            await self.panels.close()

    async def _story(self) -> None:
        started_s = time.monotonic()
        for step in self.script.step:
            if step.do in (Do.ACKNOWLEDGE, Do.DISPATCH, Do.ON_SCENE, Do.CONFIRM, Do.CLOSE):
                continue  # people in the centre act through the console's topic: cior_demo.desk
            await asyncio.sleep(max(0.0, started_s + step.at_s / self._speed - time.monotonic()))
            self._spawn(self._do(step))
        await asyncio.sleep(max(0.0, started_s + self.script.duration_s / self._speed - time.monotonic()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _background(self) -> list[Coroutine[Any, Any, None]]:
        plan = self.script.background
        vehicles = self.roster.kind("bus", "taxi")[: plan.vehicles]
        panels = self.roster.kind("panel")[: plan.panels]
        vehicles += self.roster.kind(*UNIT_KINDS)
        work = [self._drive(actor, plan.position_every_s) for actor in vehicles]
        work += [self._supervise(actor, plan.supervision_every_s) for actor in panels]
        return [*work, self._desk()]

    async def _drive(self, actor: Actor, every_s: float) -> None:
        await asyncio.sleep(self._dice.uniform(0, every_s) / self._speed)
        while True:
            lat, lon = self._move(actor)
            sent = await self.traccar.position(actor, lat, lon, speed_kmh=self._dice.uniform(5, 45))
            self._note(sent, wire="traccar", actor=actor, do="position")
            await asyncio.sleep(every_s / self._speed)

    def _move(self, actor: Actor) -> tuple[float, float]:
        if actor.path:
            return self._along(actor)
        lat, lon = self._places[actor.name]
        moved = lat + self._dice.uniform(-0.0006, 0.0006), lon + self._dice.uniform(-0.0006, 0.0006)
        if self.city.district(*moved) is not None and not is_beside_sealed(self.roster, *moved):
            self._places[actor.name] = moved
        return self._places[actor.name]

    def _along(self, actor: Actor) -> tuple[float, float]:
        """The next corner of its path; at the end it turns."""
        corner, step = self._ways.get(actor.name) or (actor.path.index((actor.lat, actor.lon)), 1)
        if not 0 <= corner + step < len(actor.path):
            step = -step
        corner = max(0, min(len(actor.path) - 1, corner + step))
        self._ways[actor.name] = corner, step
        if not is_beside_sealed(self.roster, *actor.path[corner]):
            self._places[actor.name] = actor.path[corner]
        return self._places[actor.name]

    def _anywhere(self) -> tuple[float, float]:
        while is_beside_sealed(self.roster, *(point := city_point(self.city, self._dice))):
            pass
        return point

    async def _supervise(self, actor: Actor, every_s: float) -> None:
        await asyncio.sleep(self._dice.uniform(0, every_s) / self._speed)
        while True:
            self._note(await self.panels.supervise(actor), wire="dc09", actor=actor, do="supervise")
            await asyncio.sleep(every_s / self._speed)

    async def _desk(self) -> None:
        plan = self.script.background
        due = 0.0
        while True:
            await asyncio.sleep(plan.cad_file_every_s / self._speed)
            due += plan.calls_per_min * plan.cad_file_every_s / 60
            while due >= 1:
                nature = self._dice.choices([name for name, _ in NATURES], [share for _, share in NATURES])[0]
                self._call(nature, *self._anywhere())
                due -= 1
            self._drop()

    def _call(self, nature: str, lat: float, lon: float, *, ref: str = "", story: bool = False) -> None:
        number, created = self.cad.number(), self._local()
        self._calls[ref or number] = (number, created, lat, lon)
        self.cad.row(
            number,
            created=created,
            modified=created,
            nature=nature,
            lat=lat,
            lon=lon,
            address="Calle de ensayo 100",
        )
        self._note_cad(number, "call", nature=nature, story=story)

    def _local(self) -> str:
        return datetime.fromtimestamp(wall_ms() / 1000, self._zone).strftime("%d/%m/%Y %H:%M:%S")

    def _drop(self) -> None:
        self.cad.drop()

    def _note_cad(self, number: str, do: str, *, nature: str, story: bool) -> None:
        sent = Sent(at_ms=wall_ms(), acked_ms=None, attempts=1)
        self._write(
            Truth(
                at_ms=sent.at_ms,
                acked_ms=None,
                attempts=1,
                wire="cad",
                actor="desk",
                subject=number,
                do=do,
                story=story,
                code=nature,
            )
        )

    def _note(
        self, sent: Sent, *, wire: str, actor: Actor, do: str, story: bool = False, code: str = ""
    ) -> None:
        self._write(
            Truth(
                at_ms=sent.at_ms,
                acked_ms=sent.acked_ms,
                attempts=sent.attempts,
                wire=wire,
                actor=actor.name,
                subject=actor.subject,
                do=do,
                story=story,
                code=code,
            )
        )

    def _write(self, truth: Truth) -> None:
        self.sent[truth.wire] += 1
        if self._truth is not None:
            self._truth.write(msgspec.json.encode(truth).decode() + "\n")
            self._truth.flush()

    async def _do(self, step: Step) -> None:
        actor = self.roster.actors.get(step.who)
        match step.do:
            case Do.CALL | Do.EDIT | Do.BROKEN_ROW:
                self._at_the_desk(step)
            case Do.PRESS | Do.PRESS_NOWHERE | Do.PRESS_BUFFERED | Do.RESEND | Do.BAD_JSON if (
                actor is not None
            ):
                self._note(
                    await self._vehicle(step, actor), wire="traccar", actor=actor, do=step.do, story=True
                )
            case Do.ALARM | Do.RESTORE | Do.REPEAT | Do.WRONG_CRC | Do.GARBAGE if actor is not None:
                self._note(
                    await self._panel(step, actor),
                    wire="dc09",
                    actor=actor,
                    do=step.do,
                    story=True,
                    code=step.code,
                )
            case _:
                log.warning("step_unknown_actor", who=step.who, do=step.do)

    async def _vehicle(self, step: Step, actor: Actor) -> Sent:
        lat, lon = self._places[actor.name]
        match step.do:
            case Do.PRESS_NOWHERE:
                return await self.traccar.position(actor, 0.0, 0.0, alarm="sos", valid=False)
            case Do.PRESS_BUFFERED:
                return await self.traccar.position(
                    actor, lat, lon, alarm="sos", device_ms=wall_ms() - int(step.hours * 3_600_000)
                )
            case Do.RESEND:
                return await self.traccar.raw(self.traccar.last[actor.name])
            case Do.BAD_JSON:
                return await self.traccar.raw(b'{"position": {"latitude": NaN, "deviceTime": ', tries=1)
            case _:
                return await self.traccar.position(actor, lat, lon, speed_kmh=20.0, alarm="sos")

    async def _panel(self, step: Step, actor: Actor) -> Sent:
        match step.do:
            case Do.REPEAT:
                return await self.panels.repeat(actor, step.code, step.times)
            case Do.WRONG_CRC:
                return await self.panels.wrong_crc(actor)
            case Do.GARBAGE:
                at_ms = wall_ms()
                await self.panels.noise(self._dice.randbytes(200) + b"\r\n\n\nABCD0010")
                return Sent(at_ms=at_ms, acked_ms=None, attempts=1)
            case _:
                return await self.panels.alarm(actor, step.code, qualifier=3 if step.do is Do.RESTORE else 1)

    def _at_the_desk(self, step: Step) -> None:
        if step.do is Do.BROKEN_ROW:
            self.cad.broken_row("esto;no;es una llamada")
            self._note_cad("-", "broken_row", nature="", story=True)
        elif step.do is Do.EDIT:
            number, created, lat, lon = self._calls[step.ref]
            self.cad.row(
                number,
                created=created,
                modified=self._local(),
                nature=step.text,
                lat=lat,
                lon=lon,
                address="Calle de ensayo 100",
                state="editado",
            )
            self._note_cad(number, "edit", nature=step.text, story=True)
        else:
            lat, lon = self._places[step.near] if step.near else self._anywhere()
            self._call(step.text, lat + 0.0003, lon, ref=step.ref, story=True)
        self._drop()
