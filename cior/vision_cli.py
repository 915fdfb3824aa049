"""The commands ``cior vision ...``, loaded when asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cior_console.evidence_place import recorded
from cior_vision.commands import clip


@click.group()
def vision() -> None:
    """A camera's zones, lines, masks and rules: try them on a clip, draw them."""


def _on_a_clip(command: Any) -> Any:
    for option in (
        click.option("--lang", "language", type=click.Choice(["es", "en"]), default="es", show_default=True),
        click.option("--reason", default="", help="Why a recorder's footage is opened; it goes into the ledger."),
        click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The centre's data folder."),
        click.option(
            "--centre", type=click.Path(path_type=Path, dir_okay=False), help="Centre file: for a recorder's footage."
        ),
        click.option("--to", "to_clock", default="", help="The end, likewise."),
        click.option(
            "--from", "from_clock", default="", help="Of a day's folder: HH:MM or 'YYYY-MM-DD HH:MM', local time."
        ),
        click.option("--at", default="", help="When a video was filmed, 'YYYY-MM-DD HH:MM': for schedules."),
        click.option("--camera", help="Which [[camera]] of the file; left out: the footage's own, else the first."),
        click.option(
            "--config", type=click.Path(path_type=Path, dir_okay=False), default=Path("camaras.toml"),
            show_default=True, help="The vision worker's file.",
        ),
        click.argument("clip", type=click.Path(path_type=Path)),
    ):  # fmt: skip
        command = option(command)
    return command


@vision.command("try")
@_on_a_clip
@click.option("--json", "as_json", is_flag=True, help="The whole result as JSON.")
def vision_try(*, as_json: bool, language: str, **where: Any) -> None:
    """What the rules would have told of CLIP: a video, a recorder's segment or a camera's day. Writes nothing."""
    sys.exit(clip.try_it(clip.Asked(**where), recorded, language=language, as_json=as_json))


@vision.command("calibrate")
@_on_a_clip
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Of this machine; 0: a free one.")
def vision_calibrate(*, port: int, language: str, **where: Any) -> None:
    """Draw zones, lines and masks over CLIP in a browser of this machine, try them, write the file. Ctrl-C ends it."""
    sys.exit(clip.calibrate(clip.Asked(**where), recorded, language=language, port=port))
