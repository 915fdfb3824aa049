"""What a console covers of a camera's picture: the masks of the vision workers that the centre file names."""

from __future__ import annotations

from cior_console.ring_files import Masks
from cior_core.centre_file import Centre


def masked(centre: Centre) -> dict[str, Masks]:
    """The masks by camera. Raises ``ConfigInvalid`` when a worker's file is not on this machine, or is wrong."""
    from cior_vision.settings_file import load_masks

    found: dict[str, Masks] = {}
    for section in centre.file.vision:
        for camera, masks in load_masks(centre.beside(section.file)).items():
            found[camera] = (*found.get(camera, ()), *masks)
    return found
