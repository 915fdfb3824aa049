"""One invented day of a city, from a seed: alarm panels, vehicles, the 911 desk, cameras, and operators who answer what
opens."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random
from typing import Literal

from cior_core.correlate import play
from cior_core.identity import item_id
from cior_core.model import (
    DEFAULT_AREA,
    Action,
    ActionItem,
    ActionKind,
    Alert,
    ClockQuality,
    Command,
    DataClass,
    Disposition,
    Effect,
    EventItem,
    IssueCommand,
    Item,
    Level,
    Phase,
    Receipt,
    ReceiptItem,
    TickItem,
    UpsertAlert,
)
from cior_core.rules import RulePack
from cior_core.scenario import START_MS, Signal, instant_ms, make_event

DAY_S = 86_400
HALF_CITY_M = 9000.0
DISTRICTS = ("centro", "norte", "sur", "oeste", "noroeste", "sudoeste")
# (type, how many in a day): Rosario's mix, where most private alarms are false, at about half its size.
PANELS = (
    ("panic.community", 60),
    ("burglary.alarm", 260),
    ("panic.alarm", 90),
    ("fire.alarm", 20),
    ("device.low_battery", 60),
    ("device.power_cut", 40),
    ("silent.gbv", 6),
)
VEHICLES = (("panic.bus", 35), ("panic.taxi", 25))
CALLS = (
    ("suspicious.activity", 220),
    ("noise.complaint", 160),
    ("violence.fight", 80),
    ("gun.shooting", 18),
    ("fire.arson", 8),
    ("gun.threat_note", 3),
    ("light.outage", 50),
    ("burglary.report", 40),
    ("tree.down", 20),
    ("vendor.invented", 5),
)
CAMERAS = (
    ("vision.loitering", 200),
    ("vision.person_down", 25),
    ("vision.intrusion", 120),
    ("camera.frozen", 15),
    ("camera.health", 120),
)
ENDINGS = (Disposition.FALSE_ALARM, Disposition.UNFOUNDED, Disposition.CONFIRMED, Disposition.DUPLICATE)
ANSWERS: tuple[Literal["done", "accepted", "failed"], ...] = ("done", "done", "done", "accepted", "failed")


class CityDay:
    """What is still to come, in order; what opens and what is ordered puts more into it."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.agenda: list[tuple[int, int, Item]] = []
        self.put = 0
        self.acted = 0
        self._ticks()
        for room, types in (("panel", PANELS), ("vehicle", VEHICLES), ("desk", CALLS), ("camera", CAMERAS)):
            for code, times in types:
                for n in range(times):
                    self._happens(room, code, n)
        self._outage()
        self._storm()

    def items(self) -> Iterator[Item]:
        """Each item when its time comes: what the effects so far asked for is in it."""
        while self.agenda:
            yield heappop(self.agenda)[2]

    def see(self, effect: Effect) -> None:
        """Operators and devices answer."""
        match effect:
            case UpsertAlert(alert=alert) if alert.version == 1:
                self._attended(alert)
            case IssueCommand(command=command) if self.chance.random() < 0.9:
                self._answered(command)
            case _:
                pass

    def _add(self, item: Item) -> None:
        self.put += 1
        heappush(self.agenda, (item.at_ms, self.put, item))

    def _ticks(self) -> None:
        for minute in range(DAY_S // 60):
            at_ms = START_MS + minute * 60_000
            self._add(TickItem(id=item_id("tick", DEFAULT_AREA, str(at_ms)), area=DEFAULT_AREA, at_ms=at_ms))

    def _hour_s(self) -> float:
        """Some instant of the day: the evening is the busiest."""
        return self.chance.triangular(0, DAY_S - 1, 0.85 * DAY_S)

    def _happens(self, room: str, code: str, n: int) -> None:
        chance = self.chance
        at_s = self._hour_s()
        spot = chance.uniform(-HALF_CITY_M, HALF_CITY_M), chance.gauss(0, HALF_CITY_M / 3)
        source = "desk:911" if room == "desk" else f"{room}-{chance.randrange(400)}"
        record = f"CAD-{code}-{n}" if room == "desk" else None
        signal = self._signal(code, source=source, at_s=at_s, spot=spot, record=record)
        self._event(signal)
        if chance.random() < 0.15:
            self._event(signal, after_s=chance.uniform(0.5, 8))
        if chance.random() < 0.25:
            self._follow(signal, spot)

    def _follow(self, signal: Signal, spot: tuple[float, float]) -> None:
        """Somebody else tells of it, the desk updates its record, or the panel takes it back."""
        chance = self.chance
        at_s = signal.at_s + chance.expovariate(1 / 120)
        match chance.randrange(3):
            case 0:
                code, source = (
                    chance.choice(["gun.shooting", "vision.person_down"]),
                    f"camera-{chance.randrange(400)}",
                )
                self._event(self._signal(code, source=source, at_s=at_s, spot=spot, record=None))
            case 1:
                self._event(signal, after_s=at_s - signal.at_s, phase=Phase.UPDATE)
            case _:
                ending = chance.choice([Phase.RESTORE, Phase.CANCEL, Phase.END])
                self._event(signal, after_s=at_s - signal.at_s, phase=ending)

    def _signal(
        self, code: str, *, source: str, at_s: float, spot: tuple[float, float], record: str | None
    ) -> Signal:
        chance = self.chance
        sealed = code.startswith("silent.")
        return Signal(
            at_s=at_s,
            event=code,
            source=source,
            id=f"{source}/{code}/{self.put}",
            record=record,
            located=chance.random() < 0.9,
            east_m=spot[0] + chance.gauss(0, 20),
            north_m=spot[1] + chance.gauss(0, 20),
            ago_s=max(0.0, chance.gauss(1, 2)) if chance.random() < 0.98 else 7200.0,
            clock=chance.choice([*[ClockQuality.SYNCED] * 5, *ClockQuality]),
            district=chance.choice(DISTRICTS),
            data_class=DataClass.SEALED if sealed else DataClass.RESTRICTED,
            registered=chance.choice([None, True, False]),
            drill=chance.random() < 0.01,
            attributes={} if sealed else self._facts(),
        )

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"block": f"b-{self.chance.randrange(80)}"}
        if self.chance.random() < 0.5:
            facts["cameras"] = [f"cam-{self.chance.randrange(300)}" for _ in range(2)]
        if self.chance.random() < 0.2:
            facts.update(confirmation_rate=round(self.chance.random(), 3), confirmation_n=30)
        if self.chance.random() < 0.1:
            facts["near"] = ["school"]
        return facts

    def _event(self, signal: Signal, *, after_s: float = 0.0, phase: Phase = Phase.NEW) -> None:
        """``signal`` comes ``after_s`` later than it says: as a copy, or as another phase of the same fact."""
        event = make_event(signal if phase is Phase.NEW else _later(signal, after_s, phase))
        at_ms = instant_ms(signal.at_s + after_s)
        self._add(
            EventItem(
                id=item_id("event", DEFAULT_AREA, f"{event.id}/{at_ms}"),
                area=DEFAULT_AREA,
                at_ms=at_ms,
                event=event,
            )
        )

    def _outage(self) -> None:
        """A concentrator dies at five in the afternoon: forty panels within a minute."""
        for n in range(40):
            spot = self.chance.uniform(-500, 500), self.chance.uniform(-500, 500)
            at_s = 61_200 + self.chance.uniform(0, 50)
            self._event(
                self._signal("source.silent", source=f"panel-{400 + n}", at_s=at_s, spot=spot, record=None)
            )

    def _storm(self) -> None:
        ring = [[-60.75, -33.05], [-60.55, -33.05], [-60.55, -32.85], [-60.75, -32.85]]
        self._event(
            Signal(
                at_s=70_000,
                event="weather.warning",
                source="smn",
                attributes={"severity": "orange", "polygon": ring},
            )
        )

    def _attended(self, alert: Alert) -> None:
        """An operator takes it, sooner when it is grave; one in ten nobody takes."""
        chance = self.chance
        if chance.random() < 0.1:
            return
        at_ms = alert.opened_ms + round(chance.expovariate(1 / (40 * alert.level.rank)) * 1000)
        self._acts(ActionKind.ACKNOWLEDGE, alert, at_ms)
        if alert.level in {Level.P1, Level.P2} and chance.random() < 0.7:
            at_ms += round(chance.uniform(20, 240) * 1000)
            self._acts(ActionKind.DISPATCH, alert, at_ms)
        if chance.random() < 0.05:
            self._acts(ActionKind.HOLD, alert, at_ms + 5000)
        at_ms += round(chance.uniform(120, 1800) * 1000)
        self._acts(ActionKind.CLOSE, alert, at_ms, ending=chance.choice(ENDINGS))

    def _acts(self, kind: ActionKind, alert: Alert, at_ms: int, *, ending: Disposition | None = None) -> None:
        self.acted += 1
        action = Action(
            id=f"act-{self.acted}",
            kind=kind,
            actor=f"operator-{self.chance.randrange(9)}",
            at_ms=at_ms,
            alert_id=alert.id,
            reason="visto en cámara",
            disposition=ending,
        )
        self._add(
            ActionItem(
                id=item_id("action", DEFAULT_AREA, action.id), area=DEFAULT_AREA, at_ms=at_ms, action=action
            )
        )

    def _answered(self, command: Command) -> None:
        at_ms = command.issued_ms + round(self.chance.uniform(0.2, 20) * 1000)
        receipt = Receipt(
            command_id=command.id, device=command.target, at_ms=at_ms, outcome=self.chance.choice(ANSWERS)
        )
        self._add(
            ReceiptItem(
                id=item_id("receipt", DEFAULT_AREA, command.id),
                area=DEFAULT_AREA,
                at_ms=at_ms,
                receipt=receipt,
            )
        )


def _later(signal: Signal, after_s: float, phase: Phase) -> Signal:
    return Signal(
        at_s=signal.at_s + after_s,
        event=signal.event,
        source=signal.source,
        id=f"{signal.id}/{phase.value}",
        record=signal.record,
        located=signal.located,
        east_m=signal.east_m,
        north_m=signal.north_m,
        phase=phase,
        district=signal.district,
        data_class=signal.data_class,
    )


def lived(seed: int, rules: RulePack) -> tuple[list[Item], list[Effect]]:
    """The items of the day in the order in which they came, and every effect."""
    day = CityDay(seed)
    items: list[Item] = []
    effects: list[Effect] = []

    def recorded() -> Iterator[Item]:
        for item in day.items():
            items.append(item)
            yield item

    for effect in play(recorded(), rules):
        effects.append(effect)
        day.see(effect)
    return items, effects
