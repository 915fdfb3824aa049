"""The city of a centre: a folder of GeoJSON files, or the demonstration city when the centre file names none."""

from __future__ import annotations

from collections.abc import Mapping

from cior.settings import Centre
from cior_core import bundled
from cior_core.errors import ConfigInvalid
from cior_core.geo import City

_FILES = ("districts", "facilities", "schools", "blocks")


def city_texts(centre: Centre) -> Mapping[str, str]:
    """The GeoJSON texts by name; ``districts`` is always among them. Raises ``ConfigInvalid``."""
    if not centre.file.centre.city:
        return {name: bundled.text(f"city/{name}.geojson") for name in _FILES}
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


def load_city(centre: Centre) -> City:
    """Districts, facilities, schools and blocks. Raises ``ConfigInvalid``."""
    return City.load(**city_texts(centre))
