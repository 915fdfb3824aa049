"""A worker's settings file as text, and of it what others than the worker must know: what nobody may see of a camera.
No engine is loaded for that.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cior_core import strict_toml
from cior_core.strict_toml import ConfigFault
from cior_video.orientation import Turn, stored_point
from cior_video.sources import Reading
from cior_vision.rule_settings import MaskSettings, Polygon


class _Turned(msgspec.Struct, frozen=True):
    id: str
    source: Reading = Reading()


class _Masked(msgspec.Struct, frozen=True):
    """A settings file as far as its masks: whatever else stands there is the worker's."""

    camera: tuple[_Turned, ...] = ()
    mask: tuple[MaskSettings, ...] = ()


def text_of(path: Path) -> str:
    """The file's text, its ends of lines as they are. Raises ``ConfigFault`` (``config.unreadable``)."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFault(
            "config.unreadable",
            "the file cannot be read as UTF-8 text",
            file=str(path),
            line=0,
            cure="give the path of the settings file",
        ) from error


def load_masks(path: Path) -> dict[str, tuple[Polygon, ...]]:
    """The masks of each camera of the file, where they lie in the picture as the camera sends it (a picture that only
    its settings turn upright is recorded unturned). Raises ``ConfigFault``.
    """
    read = strict_toml.parse(text_of(path), _Masked, file=str(path))
    return {
        each.id: tuple(
            _stored(mask.polygon, each.source.turn) for mask in read.mask if mask.camera == each.id
        )
        for each in read.camera
    }


def load_overruled(path: Path) -> frozenset[str]:
    """Cameras of the file whose settings say how their pictures are turned, whatever the stream says of it: their masks
    are of the picture as it is stored. Raises ``ConfigFault``.
    """
    read = strict_toml.parse(text_of(path), _Masked, file=str(path))
    return frozenset(each.id for each in read.camera if each.source.turn is not None)


def _stored(polygon: Polygon, turn: Turn | None) -> Polygon:
    return tuple(stored_point(point, turn or Turn.NONE) for point in polygon)
