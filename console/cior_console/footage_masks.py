"""What is covered of a camera's picture where it is shown and in copies: the masks of the vision workers that the
centre file names.
"""

from __future__ import annotations

from cior_core.centre_file import Centre
from cior_core.errors import ConfigInvalid
from cior_core.picture_masks import Masks
from cior_evidence.mask_history import MasksNow


def masked(centre: Centre) -> dict[str, Masks]:
    """The masks by camera. Raises ``ConfigInvalid`` when a worker's file is not on this machine, or is wrong."""
    from cior_vision.settings_file import load_masks

    found: dict[str, Masks] = {}
    for section in centre.file.vision:
        for camera, masks in load_masks(centre.beside(section.file)).items():
            found[camera] = (*found.get(camera, ()), *masks)
    return found


def masks_now(centre: Centre) -> MasksNow:
    """The same, and when the files were written: asked first, so that it is never later than what is read. Raises
    ``ConfigInvalid`` as above, and where the vision parts are not installed.
    """
    if not centre.file.vision:
        return MasksNow()
    written_ms = []
    for section in centre.file.vision:
        path = centre.beside(section.file)
        try:
            written_ms.append(path.stat().st_mtime_ns // 1_000_000)
        except OSError as error:
            raise ConfigInvalid(
                "config.unreadable",
                f"{path.name} is not here: {error.strerror}",
                cure="put the file where the centre file says",
            ) from error
    try:
        from cior_vision.settings_file import load_overruled

        stored = (load_overruled(centre.beside(section.file)) for section in centre.file.vision)
        return MasksNow(
            cameras=masked(centre), stored=frozenset().union(*stored), written_ms=tuple(written_ms)
        )
    except ImportError as error:
        raise ConfigInvalid(
            "copy.no_vision",
            f"the vision parts are not installed: {error.name} is missing",
            cure="install cior[vision] where the part evidence runs",
        ) from error
