"""Where a centre's recordings are, and what its console shows of packages."""

from __future__ import annotations

from pathlib import Path

from cior_city.city_of_centre import load_cameras, load_city
from cior_console.judicial_desk import PackageRoom
from cior_core.centre_file import Centre
from cior_evidence.folders import boxes_folder, packages_folder
from cior_evidence.shelf import Shelf


def recorded(centre: Centre) -> dict[str, Path]:
    """Each camera's ring folder, of the recorders that the centre file names."""
    from cior_recorder.settings import load_settings

    cameras = load_cameras(centre, load_city(centre))
    found = [load_settings(centre.beside(each.file), cameras) for each in centre.file.recorder]
    return {camera: each.ring(centre.data) for each in found for camera in each.cameras}


def rings(centre: Centre) -> tuple[Path, ...]:
    """The folders of this centre's recorders, then those that ``[evidence]`` names. Raises ``ConfigInvalid``."""
    section = centre.file.evidence
    own = recorded(centre).values() if centre.file.recorder else ()
    named = (centre.beside(each) for each in section.rings) if section is not None else ()
    return tuple(dict.fromkeys((*own, *named)))


def watched(centre: Centre) -> dict[str, Path]:
    """Each camera's ring as this machine sees it: that of its recorder in the centre file, else the one of those that
    ``[evidence]`` names which has it. Raises ``ConfigInvalid``.
    """
    found = recorded(centre) if centre.file.recorder else {}
    for ring in rings(centre):
        for camera in load_cameras(centre, load_city(centre)):
            if (ring / camera).is_dir() and not (camera in found and (found[camera] / camera).is_dir()):
                found[camera] = ring
    return found


def package_room(centre: Centre) -> PackageRoom:
    """What the console shows of packages; nothing where there is no ``[evidence]``."""
    section = centre.file.evidence
    if section is None:
        return PackageRoom()
    return PackageRoom(
        shelf=Shelf(packages_folder(centre, section)), rings=rings(centre), boxes=boxes_folder(centre)
    )
