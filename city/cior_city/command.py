"""``cior city``: makes a pack of what a city has, or says what is wrong with it. Files of the city are only read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cior_core.city_pack import MANIFEST

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_MAPPING = click.option(
    "--mapping",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="What is what (TOML); default: FOLDER.toml beside it, or city.toml in it. The rest is guessed and said.",
)
_LANGUAGE = click.option("--language", type=click.Choice(["es", "en"]), default="es", show_default=True)
_ALL = click.option(
    "--all", "whole", is_flag=True, help="Print every finding, not the first ones of each kind."
)


@click.group()
def city() -> None:
    """City packs: districts, streets, facilities and cameras out of GeoJSON, GML, Shapefile or GeoPackage."""


@city.command("import")
@click.argument("folder", type=_FOLDER)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The pack; default: FOLDER-pack here.",
)
@click.option(
    "--tiles",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="Map tiles of the region (PMTiles 3): a ground below the city's own streets.",
)
@_MAPPING
@_LANGUAGE
@_ALL
def import_command(
    folder: Path, *, out: Path | None, tiles: Path | None, mapping: Path | None, language: str, whole: bool
) -> None:
    """Make a pack of FOLDER, and say what was found, guessed, mended and left out. 2: errors, nothing is written."""
    from cior_city.importing import import_city
    from cior_city.mapping import read_mapping
    from cior_city.packing import with_tiles, write_pack
    from cior_city.report import lines

    imported = import_city(folder, read_mapping(folder, mapping))
    for line in lines(imported, language, whole=whole):
        click.echo(line)
    if imported.manifest is None:
        sys.exit(2)
    pack = out or Path(f"{folder.resolve().name}-pack")
    manifest = imported.manifest if tiles is None else with_tiles(imported.manifest, tiles)
    digest = write_pack(pack, manifest, imported.files, tiles=tiles)
    click.echo(f"{pack}: SHA-256 {digest}")


@city.command("check")
@click.argument("folder", type=_FOLDER)
@_MAPPING
@_LANGUAGE
@_ALL
def check_command(folder: Path, *, mapping: Path | None, language: str, whole: bool) -> None:
    """Say what is wrong with FOLDER and write nothing; of a pack: whether it is what its manifest says. 2: errors."""
    from cior_city.importing import import_city
    from cior_city.mapping import read_mapping
    from cior_city.packing import check_pack
    from cior_city.report import lines

    if (folder / MANIFEST).is_file():
        click.echo(check_pack(folder))
        return
    imported = import_city(folder, read_mapping(folder, mapping))
    for line in lines(imported, language, whole=whole):
        click.echo(line)
    if imported.manifest is None:
        sys.exit(2)
