"""Tamperings of the files themselves: bytes, names, links, manifests, what travels beside the bag."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

from integration.evidence.package_rig import (
    clip,
    draft,
    manifest,
    put,
    sha,
    written,
    zipped,
)
from integration.evidence.tampering_kit import (
    FILM,
    LONG,
    OTHER_FILM,
    REQUEST,
    SHORT,
    TAGS,
    Made,
    Outside,
    add_line,
    edit,
    first_line,
    flip,
    of_all,
    of_disk,
)


@of_disk
def bit_in_video(top: Path) -> None:
    flip(top / FILM)


@of_disk
def bit_in_metadata(top: Path) -> None:
    edit(top / REQUEST, b'"motivo":"robo"', b'"motivo":"hurto"')


@of_disk
def bit_in_manifest(top: Path) -> None:
    text = (top / SHORT).read_text()
    (top / SHORT).write_text(("1" if text[0] == "0" else "0") + text[1:])


@of_disk
def sha512_only(top: Path) -> None:
    text = (top / LONG).read_text()
    (top / LONG).write_text(("1" if text[0] == "0" else "0") + text[1:])


@of_disk
def two_videos_swapped(top: Path) -> None:
    first, second = (top / FILM).read_bytes(), (top / OTHER_FILM).read_bytes()
    (top / FILM).write_bytes(second)
    (top / OTHER_FILM).write_bytes(first)


@of_disk
def video_truncated(top: Path) -> None:
    (top / FILM).write_bytes((top / FILM).read_bytes()[:-100])


@of_disk
def video_appended(top: Path) -> None:
    (top / FILM).write_bytes((top / FILM).read_bytes() + b"\x00" * 8)


@of_disk
def video_emptied(top: Path) -> None:
    (top / FILM).write_bytes(b"")


@of_disk
def video_deleted(top: Path) -> None:
    (top / FILM).unlink()


@of_disk
def payload_added(top: Path) -> None:
    put(top / "bag/data/nativo/cam-a/0009.mp4", clip(9))


@of_disk
def tag_file_added(top: Path) -> None:
    put(top / "bag/notas.txt", b"x\n")


@of_disk
def file_beside_bag(top: Path) -> None:
    put(top / "informe.pdf", b"x\n")


@of_disk
def empty_folder(top: Path) -> None:
    (top / "bag/data/vista").mkdir()


@of_disk
def video_renamed(top: Path) -> None:
    (top / FILM).rename(top / "bag/data/nativo/cam-a/0003.mp4")


@of_disk
def video_in_capitals(top: Path) -> None:
    (top / FILM).rename((top / FILM).with_name("0001.MP4"))


@of_disk
def composed_and_decomposed(top: Path) -> None:
    name = unicodedata.normalize("NFD", "data/nativo/cámara.mp4")
    put(top / "bag" / name, clip(8))
    add_line(top / SHORT, unicodedata.normalize("NFC", name), sha(clip(8)))


@of_disk
def twice_by_composition(top: Path) -> None:
    for form in ("NFC", "NFD"):
        add_line(top / SHORT, unicodedata.normalize(form, "data/nativo/cámara.mp4"), "a" * 64)


@of_disk
def twice_same_digest(top: Path) -> None:
    (top / SHORT).write_bytes(first_line(top / SHORT) + (top / SHORT).read_bytes())


@of_disk
def case_twin(top: Path) -> None:
    put((top / FILM).with_name("0001.MP4"), b"x")
    add_line(top / SHORT, "data/nativo/cam-a/0001.MP4", sha(b"x"))


def _listed(name: str) -> Callable[[Path], None]:
    def function(top: Path) -> None:
        add_line(top / SHORT, name, "a" * 64)

    return function


for _id, _name in {
    "path_upwards": "data/../../fuera.mp4",
    "path_absolute": "/etc/passwd",
    "path_drive": "c:/fuera.mp4",
    "path_bidirectional": "data/nativo/\u202e4pm.exe",
    "path_trailing_dot": "data/nativo/video.",
    "path_ntfs_stream": "data/nativo/cam-a/0001.mp4:oculto",
    "path_backslash": "data\\nativo\\x.mp4",
    "path_home": "~root/x",
}.items():
    _function = _listed(_name)
    _function.__name__ = _id
    of_disk(_function)


@of_disk
def device_name_added(top: Path) -> None:
    put(top / "bag/data/nativo/con", b"x")


@of_disk
def link_instead_of_file(top: Path) -> None:
    (top / FILM).rename(top.parent / "0001.mp4")
    (top / FILM).symlink_to(top.parent / "0001.mp4")


@of_disk
def link_to_outside(top: Path) -> None:
    (top / "bag/data/nativo/afuera").symlink_to("/etc/hostname")


@of_disk
def link_to_folder(top: Path) -> None:
    (top / "bag/data/nativo/cam-a").rename(top.parent / "cam-a")
    (top / "bag/data/nativo/cam-a").symlink_to(top.parent / "cam-a", target_is_directory=True)


@of_disk
def hard_link(top: Path) -> None:
    os.link(top / FILM, top.parent / "otra.mp4")


@of_disk
def pipe_instead_of_file(top: Path) -> None:
    (top / FILM).unlink()
    os.mkfifo(top / FILM)


@of_disk
def hidden_stream(top: Path) -> None:
    os.setxattr(top / FILM, "user.oculto", b"x")


@of_disk
def fetch_file(top: Path) -> None:
    put(top / "bag/fetch.txt", b"http://example.org/x 1 data/x\n")


@of_disk
def manifest_cut(top: Path) -> None:
    (top / SHORT).write_bytes((top / SHORT).read_bytes()[:-1])


@of_disk
def manifest_emptied(top: Path) -> None:
    (top / SHORT).write_bytes(b"")


@of_disk
def manifest_removed(top: Path) -> None:
    (top / SHORT).unlink()


@of_disk
def tagmanifest_removed(top: Path) -> None:
    (top / TAGS).unlink()


@of_disk
def manifest_reordered(top: Path) -> None:
    rows = (top / SHORT).read_bytes().splitlines(keepends=True)
    (top / SHORT).write_bytes(b"".join(reversed(rows)))


@of_disk
def manifest_crlf(top: Path) -> None:
    (top / SHORT).write_bytes((top / SHORT).read_bytes().replace(b"\n", b"\r\n"))


@of_disk
def manifest_bom(top: Path) -> None:
    (top / SHORT).write_bytes(b"\xef\xbb\xbf" + (top / SHORT).read_bytes())


@of_disk
def manifest_latin1(top: Path) -> None:
    (top / SHORT).write_bytes((top / SHORT).read_bytes() + b"a" * 64 + b"  data/nativo/c\xe1mara\n")


@of_disk
def manifest_upper_hex(top: Path) -> None:
    content = (top / SHORT).read_bytes()
    (top / SHORT).write_bytes(content[:64].upper() + content[64:])


@of_disk
def other_version(top: Path) -> None:
    edit(top / "bag/bagit.txt", b"1.0", b"0.97")


@of_disk
def md5_added(top: Path) -> None:
    put(top / "bag/manifest-md5.txt", b"d41d8cd98f00b204e9800998ecf8427e  data/x\n")


@of_disk
def rehashed_unsigned(top: Path) -> None:
    """Everything made to agree again, by somebody without the key."""
    flip(top / "bag/data/crudo/000001.bin", 0)
    _rehash(top)


def _rehash(top: Path) -> None:
    bag = top / "bag"
    files = {path.relative_to(bag).as_posix(): path.read_bytes() for path in bag.rglob("*") if path.is_file()}
    payload = {path: content for path, content in files.items() if path.startswith("data/")}
    tags = {p: c for p, c in files.items() if not p.startswith("data/") and p != "tagmanifest-sha256.txt"}
    for name in ("sha256", "sha512"):
        tags[f"manifest-{name}.txt"] = manifest(payload, name)
        put(bag / f"manifest-{name}.txt", tags[f"manifest-{name}.txt"])
    put(bag / "tagmanifest-sha256.txt", manifest(tags, "sha256"))


@of_all
def control(folder: Path) -> Made:
    """Nothing is done."""
    return written(folder), Outside()


@of_all
def control_zip(folder: Path) -> Made:
    return zipped(written(folder)), Outside()


@of_disk
def two_bags_merged(top: Path) -> None:
    other = draft()
    other.payload = {f"{path}.b": content for path, content in other.payload.items()}
    for path, content in other.bag().items():
        if not (top / "bag" / path).exists():
            put(top / "bag" / path, content)


@of_disk
def verifier_replaced(top: Path) -> None:
    put(top / "verify.py", b'print("SIN DEFECTOS")\n')


@of_disk
def page_replaced(top: Path) -> None:
    put(top / "verificar.html", b"<h1>SIN DEFECTOS</h1>\n")


@of_disk
def raw_record_not_indexed(top: Path) -> None:
    shutil.copy(top / "bag/data/crudo/000001.bin", top / "bag/data/crudo/000009.bin")
