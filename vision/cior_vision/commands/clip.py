"""``cior vision``: a camera's rules tried on a clip. A recorder's footage is opened with a row in the ledger first."""

from __future__ import annotations

import getpass
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
import msgspec

from cior_bus.centre import load
from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_core.model import Struct
from cior_core.people import LedgerEntry
from cior_core.privacy import Purpose
from cior_register.place import register_dsn
from cior_register.register import Register
from cior_register.writer import nothing
from cior_video.clock import SystemClock
from cior_vision.clips import Clip, clip_of, is_footage
from cior_vision.detectors.registry import plugin
from cior_vision.settings import AnyVisionSettings
from cior_vision.settings_file import text_of
from cior_vision.trying import Fired, Trial, settings_for_trial, try_clip

Rings = Callable[[Centre], Mapping[str, Path]]
"""Each camera's folder, of the recorders that a centre names: they are in a room beside this one."""
ACTOR: Final = "cior vision"
OPENS: Final = "footage.open"
_WAIT_S: Final = 30.0
_CLOCKS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")
_TIMES: Final = ("%H:%M:%S", "%H:%M")


class Asked(Struct, frozen=True, kw_only=True):
    """Which clip, as which camera of which file; of a recorder's footage, what for."""

    clip: Path
    config: Path
    camera: str | None = None
    at: str = ""
    from_clock: str = ""
    to_clock: str = ""
    centre: Path | None = None
    data: Path | None = None
    reason: str = ""


def try_it(asked: Asked, rings: Rings, *, language: str, as_json: bool) -> int:
    """Try and print. 0, whatever the rules told."""
    settings, clip = opened(asked, rings)
    detector = plugin(settings.detector.engine).load(settings.detector)
    try:
        trial = try_clip(settings, clip, detector=detector, camera=asked.camera)
    finally:
        detector.close()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(trial), indent=2).decode())
    else:
        for line in lines_of(trial, language):
            click.echo(line)
    return 0


def calibrate(asked: Asked, rings: Rings, *, language: str, port: int) -> int:
    """Serve the page until SIGINT (Ctrl-C) or SIGTERM. 0."""
    from cior_vision.calibration.bench import Bench
    from cior_vision.calibration.serving import Calibration

    settings, clip = opened(asked, rings)
    detector = plugin(settings.detector.engine).load(settings.detector)
    try:
        bench = Bench(asked.config, clip, camera=asked.camera, detector=detector, now_ms=SystemClock().now_ms)
        serving = Calibration(bench, port=port)
        click.echo(_WORDS[language]["open_page"])
        click.echo(f"  {serving.address}")
        # Set, not left as they are: whoever was started in the background begins with SIGINT ignored.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler)
        try:
            serving.serve()
        except KeyboardInterrupt:
            click.echo()
        finally:
            serving.close()
    finally:
        detector.close()
    return 0


def opened(asked: Asked, rings: Rings) -> tuple[AnyVisionSettings, Clip]:
    """The settings and the clip; a recorder's footage after its row in the ledger.

    Raises ``ConfigInvalid`` and ``SourceUnavailable`` with their cure.
    """
    text = text_of(asked.config)
    settings = settings_for_trial(text, file=str(asked.config), folder=asked.config.resolve().parent)
    zone = ZoneInfo(settings.worker.timezone)
    span = _span(asked, zone)
    clip = clip_of(asked.clip, span=span, start_ms=_instant(asked.at, zone) if asked.at else None)
    if clip.ring is not None:
        _note_look(asked, clip, rings)
    return settings, clip


# --- a recorder's footage --------------------------------------------------------------------------------------------


def _note_look(asked: Asked, clip: Clip, rings: Rings) -> None:
    """Nobody looks at footage without a row that says so (laws 9 and 13)."""
    if asked.centre is None or not asked.reason.strip():
        raise ConfigInvalid(
            "vision.footage_unnoted",
            "this is footage of a recorder, and who looks at it is written down first",
            cure="give --centre CENTRE.toml and --reason 'what for'",
        )
    centre, camera = load(asked.centre, asked.data), clip.camera or ""
    ring = rings(centre).get(camera)
    if ring is None or clip.ring is None or ring.resolve() != clip.ring.resolve():
        raise ConfigInvalid(
            "vision.footage_elsewhere",
            f"the centre of {asked.centre.name} does not record '{camera}' in that folder",
            cure="give the centre file whose [[recorder]] keeps this footage",
        )
    first_ms, last_ms = clip.span or (0, 0)
    entry = LedgerEntry(
        at_ms=SystemClock().now_ms(), actor=ACTOR, act=OPENS, subject=camera, purpose=Purpose.MAINTENANCE,
        reason=asked.reason.strip(),
        detail={"from_ms": first_ms, "to_ms": last_ms, "os_user": getpass.getuser()},
    )  # fmt: skip
    register = Register.open(register_dsn(centre))
    try:
        register.submit(entry, nothing).result(_WAIT_S)
    finally:
        register.close()


def _span(asked: Asked, zone: ZoneInfo) -> tuple[int, int] | None:
    if not (asked.from_clock or asked.to_clock):
        return None
    if not (asked.from_clock and asked.to_clock) or not is_footage(asked.clip):
        raise ConfigInvalid(
            "vision.clip_span",
            "--from and --to go together, and with the folder of a camera's day",
            cure="give both and RING/CAMERA/YYYY-MM-DD, or neither",
        )
    day = asked.clip.name if asked.clip.is_dir() else asked.clip.parent.name
    first_ms, last_ms = _in_day(asked.from_clock, day, zone), _in_day(asked.to_clock, day, zone)
    return first_ms, last_ms if last_ms > first_ms else last_ms + 86_400_000


def _in_day(text: str, day: str, zone: ZoneInfo) -> int:
    """The instant of a clock time; one without a date is of the recorder's day, which is UTC."""
    for form in _TIMES:
        try:
            clock = datetime.strptime(text, form).time()  # noqa: DTZ007  (joined to its zone below)
        except ValueError:
            continue
        utc_day = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  (a day)
        for days in (0, -1, 1):
            at = datetime.combine(utc_day + timedelta(days=days), clock, zone)
            if at.astimezone(UTC).date() == utc_day:
                return round(at.timestamp() * 1000)
    return _instant(text, zone)


def _instant(text: str, zone: ZoneInfo) -> int:
    for form in _CLOCKS:
        try:
            at = datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
        return round(at.timestamp() * 1000)
    raise ConfigInvalid(
        "vision.clock_unreadable", f"'{text}' is no time of day", cure="write HH:MM or 'YYYY-MM-DD HH:MM'"
    )


# --- what is printed -------------------------------------------------------------------------------------------------

_WORDS: Final = {
    "es": {
        "head": "{camera}: {length_s} s, {pictures} cuadros mirados, {detected} con el detector «{engine}» {model}",
        "none": "Ninguna regla habría avisado.",
        "some": "Habrían avisado: {count}",
        "fired": "  {told}  {level}  {text}  [regla {rule} v{version}, {place}; {label}, seguimientos {tracks}; {end}]",
        "to": "hasta {at}",
        "open": "sigue al final",
        "once": "una vez",
        "threshold": " (sola no abre alerta)",
        "conditions": "La imagen:",
        "condition": "  {first}–{last}  {text} ({condition})",
        "notes": "Lo que no se pudo ver, y por qué:",
        "note": "  {rule}{text}",
        "open_page": "Abra esta dirección en un navegador de esta máquina (sirve una vez); Ctrl-C termina:",
    },
    "en": {
        "head": "{camera}: {length_s} s, {pictures} pictures watched, {detected} by the detector '{engine}' {model}",
        "none": "No rule would have told anything.",
        "some": "Would have told: {count}",
        "fired": "  {told}  {level}  {text}  [rule {rule} v{version}, {place}; {label}, tracks {tracks}; {end}]",
        "to": "until {at}",
        "open": "goes on at the end",
        "once": "once",
        "threshold": " (opens no alert alone)",
        "conditions": "The picture:",
        "condition": "  {first}–{last}  {text} ({condition})",
        "notes": "What could not be seen, and why:",
        "note": "  {rule}{text}",
        "open_page": "Open this address in a browser of this machine (it works once); Ctrl-C ends it:",
    },
}


def lines_of(trial: Trial, language: str) -> Iterator[str]:
    """The result for people."""
    words = _WORDS[language]
    yield words["head"].format_map(msgspec.structs.asdict(trial)).rstrip()
    yield words["some"].format(count=len(trial.fired)) if trial.fired else words["none"]
    yield from (_line(one, words, language) for one in trial.fired)
    if trial.conditions:
        yield words["conditions"]
    for judged in trial.conditions:
        last = "…" if judged.to_s is None else clock_of(judged.to_s)
        facts = {"text": getattr(judged, language), "condition": judged.condition}
        yield words["condition"].format(first=clock_of(judged.from_s), last=last, **facts)
    if trial.notes:
        yield words["notes"]
    for note in trial.notes:
        rule = f"{note.rule}: " if note.rule else ""
        yield words["note"].format(rule=rule, text=getattr(note, language))


def _line(one: Fired, words: dict[str, str], language: str) -> str:
    if one.kind == "line_crossing":
        end = words["once"]
    else:
        end = words["open"] if one.end_s is None else words["to"].format(at=clock_of(one.end_s))
    level = one.level + (words["threshold"] if one.alerting != "always" else "")
    facts = msgspec.structs.asdict(one) | {"tracks": ", ".join(map(str, one.tracks)) or "-"}
    facts |= {"label": one.label_es} if language == "es" else {}
    return words["fired"].format_map(
        facts | {"told": clock_of(one.told_s), "level": level, "text": getattr(one, language), "end": end}
    )


def clock_of(seconds: float) -> str:
    """Minutes and seconds of the clip."""
    tenths = round(seconds * 10)
    return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
