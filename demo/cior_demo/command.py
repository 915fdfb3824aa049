"""``cior demo``: the command that this package adds to ``cior`` (entry point group ``cior.commands``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option(
    "--script", default="viernes", show_default=True, help="Simulator script: a bundled name or a file."
)
@click.option("--keep", is_flag=True, help="Leave the stack up after the summary, until Ctrl-C.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of the demo; default: a new temporary one.",
)
@click.option(
    "--model",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Detector model folder (OpenVINO); without one the camera is watched by motion only.",
)
@click.option(
    "--model-sha256",
    default="",
    help="The approved digest of that folder (cd DIR && LC_ALL=C sha256sum * | sha256sum); default: its own.",
)
@click.option(
    "--clip",
    type=click.Path(path_type=Path),
    default=None,
    help="A film (H.264 or H.265) that the camera shows; default: one that we draw, in which somebody comes and stays.",
)
@click.option(
    "--city",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=None,
    help="A city pack, or a city's own folder, which is imported first; default: the drawn city.",
)
@click.option(
    "--speed", type=click.FloatRange(0.5, 5.0), default=1.0, show_default=True, help="Play the script faster."
)
def demo(**chosen: Any) -> None:
    """A simulated city through the whole system over real wires, then a summary."""
    from cior_demo.theatre import DemoOptions, run_demo

    sys.exit(run_demo(DemoOptions(**chosen)))
