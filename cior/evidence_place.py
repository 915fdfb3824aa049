"""Where a centre's packages, seal and recordings are: ``[evidence]`` and ``[[recorder]]`` of its file, read."""

from __future__ import annotations

from pathlib import Path

from cior.settings import Centre, EvidenceSection
from cior_console.judicial_desk import PackageRoom
from cior_core import strict_toml
from cior_core.errors import ConfigInvalid
from cior_evidence.shelf import Shelf


def packages_folder(centre: Centre, section: EvidenceSection) -> Path:
    """Where packages stand, the unfinished ones hidden."""
    return centre.beside(section.out) if section.out else centre.data / "evidence" / "packages"


def rings(centre: Centre) -> tuple[Path, ...]:
    """The folders of this centre's recorders, then those that ``[evidence]`` names. Raises ``ConfigInvalid``."""
    own = (_ring(centre, centre.beside(each.file)) for each in centre.file.recorder)
    section = centre.file.evidence
    named = (centre.beside(each) for each in section.rings) if section is not None else ()
    return tuple(dict.fromkeys((*own, *named)))


def _ring(centre: Centre, path: Path) -> Path:
    """By the recorder's own file; its cameras may be another machine's."""
    from cior_recorder.settings import RecorderFile, RecorderSettings

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "config.unreadable",
            f"{path.name} cannot be read",
            cure="correct the recorder's file, or its name in the centre file",
        ) from error
    said = strict_toml.parse(text, RecorderFile, file=path.name)
    return RecorderSettings(recorder=said.recorder, cameras={}, folder=path.resolve().parent).ring(
        centre.data
    )


def package_room(centre: Centre) -> PackageRoom:
    """What the console shows of packages; nothing where there is no ``[evidence]``."""
    section = centre.file.evidence
    if section is None:
        return PackageRoom()
    return PackageRoom(shelf=Shelf(packages_folder(centre, section)), rings=rings(centre))
