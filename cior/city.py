"""The city of a centre: a folder of GeoJSON files, or the demonstration city when the centre file names none."""

from __future__ import annotations

from collections.abc import Mapping

from cior.settings import Centre
from cior_core import bundled
from cior_core.cameras import Cameras
from cior_core.errors import ConfigInvalid
from cior_core.geo import City

_PLACES = ("districts", "facilities", "schools", "blocks")
_FILES = (*_PLACES, "cameras")


def city_texts(centre: Centre) -> Mapping[str, str]:
    """The GeoJSON texts by name; ``districts`` is always among them. Raises ``ConfigInvalid``."""
    if not centre.file.centre.city:
        return {name: bundled.text(f"city/{name}.geojson") for name in _PLACES}
    folder = centre.beside(centre.file.centre.city)
    texts = {
        name: path.read_text(encoding="utf-8")
        for name in _FILES
        if (path := folder / f"{name}.geojson").is_file()
    }
    if "districts" not in texts:
        raise ConfigInvalid(
            "city.no_districts",
            f"{folder.name} has no districts.geojson",
            cure="give the folder of the city's GeoJSON files",
        )
    return texts


def load_cameras(centre: Centre, city: City) -> Cameras:
    """The camera catalogue: the city pack's cameras and those of the file that the centre file names.

    Raises ``ConfigInvalid``.
    """
    name = centre.file.cameras
    packed = city_texts(centre).get("cameras")
    if not name:
        return Cameras.load(pack=packed, bucket=city.bucket)
    path = centre.beside(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "cameras.unreadable",
            f"{name} cannot be read as UTF-8 text ({type(error).__name__})",
            cure="write it (docs/ciudad.md), or take 'cameras' out of the centre file",
        ) from error
    return Cameras.load(text, file=path.name, pack=packed, bucket=city.bucket)


def load_city(centre: Centre) -> City:
    """Districts, facilities, schools and blocks. Raises ``ConfigInvalid``."""
    texts = city_texts(centre)
    return City.load(**{name: texts[name] for name in _PLACES if name in texts})
