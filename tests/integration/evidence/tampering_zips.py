"""Tamperings of the ZIP."""

from __future__ import annotations

import struct
import warnings
import zipfile
from pathlib import Path

from integration.evidence.package_rig import (
    PACKAGE,
)
from integration.evidence.tampering_kit import (
    of_zip,
)


@of_zip
def zip_compressed(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{PACKAGE.lower()}/bag/bomba", bytes(10_000_000))


@of_zip
def zip_upwards(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{PACKAGE.lower()}/../../fuera.txt", b"x")


@of_zip
def zip_twice(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(f"{PACKAGE.lower()}/LEEME.txt", b"otro")


@of_zip
def zip_link(path: Path) -> None:
    member = zipfile.ZipInfo(f"{PACKAGE.lower()}/bag/data/enlace")
    member.create_system, member.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "/etc/passwd")


@of_zip
def zip_prefix(path: Path) -> None:
    path.write_bytes(b"MZ" + bytes(62) + path.read_bytes())


@of_zip
def zip_comment(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"oculto"


@of_zip
def zip_hidden_member(path: Path) -> None:
    """The second member's bytes stay, its row in the directory is taken away."""
    content = path.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack("<HII", content[end + 10 : end + 20])
    second, length = start + _row_size(content, start), _row_size(content, start + _row_size(content, start))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count - 1, count - 1, size - length, start, 0)
    path.write_bytes(content[:second] + content[second + length : end] + tail)


def _row_size(content: bytes, place: int) -> int:
    name, extra, comment = struct.unpack("<3H", content[place + 28 : place + 34])
    return 46 + int(name) + int(extra) + int(comment)


@of_zip
def zip_two_names(path: Path) -> None:
    """A member's own header names another file than the directory."""
    content = path.read_bytes()
    place = content.index(b"LEEME.txt")
    path.write_bytes(content[:place] + b"OTRO1.txt" + content[place + 9 :])


@of_zip
def zip_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])
