"""What is what in a city's folder: a TOML that people write, and guesses by name for the rest, which are said.

``FOLDER.toml`` beside the folder, or ``city.toml`` in it::

    [city]
    name = "Godoy Cruz"
    licence = "CC BY 4.0"
    source = "Observatorio municipal"
    date = "2024-05-01"

    [[layer]]
    file = "CAMARAS_2024.shp"
    as = "cameras"                # or "ignore"
    crs = "EPSG:22182"            # only when the file does not say it, or says it wrongly
    encoding = "cp1252"           # the same
    fields = {id = "COD", name = "UBICACION", azimuth_deg = "ACIMUT"}
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from cior_core import strict_toml
from cior_core.city_pack import LayerKind
from cior_core.errors import ConfigInvalid

IGNORE = "ignore"
FIELDS = (
    "id", "name", "kind", "azimuth_deg", "field_of_view_deg", "range_m", "height_m", "turns", "owner", "text", "line",
    "branch", "direction",
)  # fmt: skip


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: unknown keys are refused."""


class CitySection(_Strict, frozen=True, kw_only=True):
    """``[city]``: whose data these are. ``centre`` (lat, lon) settles which way round coordinates are."""

    name: str = ""
    licence: str = ""
    source: str = ""
    date: str = ""
    centre: tuple[float, float] | None = None


class LayerRow(_Strict, frozen=True, kw_only=True):
    """One file (and layer, where it has several). ``fields``: our name to the file's."""

    file: str
    layer: str = ""
    taken_as: str = msgspec.field(default="", name="as")
    kind: str = ""
    crs: str = ""
    encoding: str = ""
    fields: dict[str, str] = {}


class Mapping(_Strict, frozen=True, kw_only=True):
    """The whole file."""

    city: CitySection = CitySection()
    layer: tuple[LayerRow, ...] = ()

    def row(self, file: str, layer: str) -> LayerRow | None:
        """What people said about a layer."""
        return next((row for row in self.layer if row.file == file and row.layer in ("", layer)), None)


def read_mapping(folder: Path, given: Path | None) -> Mapping:
    """The mapping of ``folder``; empty when nobody wrote one. Raises ``ConfigInvalid``."""
    if given is not None and not given.is_file():
        raise ConfigInvalid(
            "city.no_mapping", f"there is no file {given.name}", cure="name the mapping's file"
        )
    places = [folder.with_name(f"{folder.name}.toml"), folder / "city.toml"] if given is None else [given]
    path = next((each for each in places if each.is_file()), None)
    if path is None:
        return Mapping()
    mapping = strict_toml.parse(path.read_text(encoding="utf-8"), Mapping, file=path.name)
    _refuse_strangers(mapping, path)
    return mapping


def _refuse_strangers(mapping: Mapping, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for n, row in enumerate(mapping.layer):
        known = {*LayerKind, IGNORE, ""}
        strangers = sorted(set(row.fields) - set(FIELDS))
        if row.taken_as not in known or strangers:
            key, words = ("fields", FIELDS) if strangers else ("as", sorted(known - {""}))
            raise strict_toml.ConfigFault(
                "config.wrong_value",
                f"layer of {row.file}: {', '.join(strangers) or row.taken_as} is not known",
                file=path.name,
                line=strict_toml.locate(text, ("layer", n, key)),
                cure=f"one of {', '.join(words)}",
            )


class Guess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words in a name, and what a layer with one of them is."""

    words: tuple[str, ...]
    taken_as: LayerKind = msgspec.field(name="as")
    kind: str = ""


class _Systems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    candidates: tuple[str, ...]


class Guesses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``data/guesses.toml``."""

    layer: tuple[Guess, ...]
    fields: dict[str, tuple[str, ...]]
    compass: dict[str, float]
    systems: _Systems

    def layer_of(self, *names: str) -> Guess | None:
        """The first that fits one of ``names``, in the order of the names."""
        plain_names = [plain(name) for name in names]
        return next(
            (
                guess
                for name in plain_names
                for guess in self.layer
                if any(word in name for word in guess.words)
            ),
            None,
        )

    def fields_of(self, there: Iterable[str]) -> dict[str, str]:
        """Our fields that a file's ``there`` probably are: each of theirs once, the likelier word first."""
        by_plain = {plain(name): name for name in reversed(list(there))}
        found: dict[str, str] = {}
        for field, words in self.fields.items():
            word = next(
                (word for word in words if word in by_plain and by_plain[word] not in found.values()), None
            )
            if word is not None:
                found[field] = by_plain[word]
        return found


@cache
def guesses() -> Guesses:
    """What the names of files and fields usually mean."""
    text = resources.files("cior_city").joinpath("data", "guesses.toml").read_text(encoding="utf-8")
    return strict_toml.parse(text, Guesses, file="guesses.toml", strict=False)


def plain(name: str) -> str:
    """``name`` without accents, in lower case, everything else an underscore."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "_", bare).strip("_")


def slug(name: str, *, longest: int = 56) -> str:
    """An id out of a name: ``Barrio Ñandú 3`` is ``barrio-nandu-3``; empty when nothing of it is left."""
    return plain(name).replace("_", "-")[:longest].strip("-")
