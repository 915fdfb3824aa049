"""The strict bag profile ``CIOR-Bag-1``: BagIt 1.0 (RFC 8493) with every liberty taken away."""

from __future__ import annotations

import re
import unicodedata

from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files, TooLarge

MOST_MANIFEST_BYTES = 128 * 1024 * 1024
LONGEST_PATH = 180
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PAYLOAD = (("manifest-sha256.txt", 64, 0), ("manifest-sha512.txt", 128, 1))
TAGS = "tagmanifest-sha256.txt"
TAG_FILES = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt")
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$")
SOUND_PART = re.compile(r"[a-z0-9_-][a-z0-9._-]*$")
_LINE = re.compile(r"([0-9a-f]+)  (.+)$")


def is_sound_path(path: str) -> bool:
    """Lower-case ASCII, no part that leaves, hides, ends in a dot or means a device; 180 characters at most."""
    if len(path) > LONGEST_PATH:
        return False
    return all(
        SOUND_PART.match(part) is not None and part[-1] != "." and RESERVED.match(part) is None
        for part in path.split("/")
    )


def read_manifest(folder: Files, name: str, size: int, report: Report) -> dict[str, str] | None:
    """Path to digest of the sound lines; None when the manifest is not there or not to be read."""
    where = "bag/" + name
    if where not in folder.sizes:
        report.say("bag.missing", where)
        return None
    try:
        content = folder.read(where, MOST_MANIFEST_BYTES)
    except (OSError, TooLarge):
        report.say("file.unreadable", where)
        return None
    return _entries(content, where, size, report)


def _entries(content: bytes, where: str, size: int, report: Report) -> dict[str, str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        report.say("manifest.encoding", where)
        text = content.decode("latin-1")
    if text.startswith("\ufeff") or "\r" in text:
        report.say("manifest.encoding", where)
        text = text.lstrip("\ufeff").replace("\r\n", "\n")
    if not text:
        report.say("manifest.line", where, "0")
    elif not text.endswith("\n"):
        report.say("manifest.format", where)
    lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
    return _sound_lines(lines if text else [], where, size, report)


def _sound_lines(lines: list[str], where: str, size: int, report: Report) -> dict[str, str]:
    found: dict[str, str] = {}
    folded: set[str] = set()
    last = ""
    for number, line in enumerate(lines, start=1):
        match = _LINE.match(line)
        if match is None or len(match.group(1)) != size:
            report.say("manifest.line", where, str(number))
            continue
        digest, path = match.groups()
        same = unicodedata.normalize("NFC", path).casefold()
        if same in folded:
            report.say("path.twice", path, f"{where}:{number}")
        elif path <= last:
            report.say("manifest.order", where, str(number))
        folded.add(same)
        last = max(last, path)
        if not is_sound_path(path):
            report.say("path.unsafe", path, f"{where}:{number}")
            continue
        found.setdefault(path, digest)
    return found


def check_bag(folder: Files, report: Report) -> dict[str, str]:
    """Check the bag whole; gives the payload's ``path → SHA-256`` as ``manifest-sha256.txt`` has it."""
    _check_declaration(folder, report)
    manifests = [read_manifest(folder, name, size, report) for name, size, _ in PAYLOAD]
    tags = read_manifest(folder, TAGS, 64, report)
    payload = manifests[0] or {}
    if manifests[0] is not None and manifests[1] is not None:
        for path in sorted(manifests[0].keys() ^ manifests[1].keys()):
            report.say("manifest.disagree", path)
    _check_listing(folder, manifests, tags, report)
    for path, digest in (tags or {}).items():
        _check_digest(folder, path, digest, place=0, report=report)
    _check_payload(folder, manifests, report)
    return payload


def _check_declaration(folder: Files, report: Report) -> None:
    for name in ("bagit.txt", "bag-info.txt"):
        if "bag/" + name not in folder.sizes:
            report.say("bag.missing", "bag/" + name)
    if "bag/fetch.txt" in folder.sizes:
        report.say("bag.fetch", "bag/fetch.txt")
    try:
        if "bag/bagit.txt" in folder.sizes and folder.read("bag/bagit.txt", 1_024) != DECLARATION:
            report.say("bag.declaration", "bag/bagit.txt")
    except (OSError, TooLarge):
        report.say("bag.declaration", "bag/bagit.txt")


def _check_listing(
    folder: Files, manifests: list[dict[str, str] | None], tags: dict[str, str] | None, report: Report
) -> None:
    """Nothing unlisted, nothing listed that is not there, each list naming its own half only."""
    payload = [each for each in manifests if each is not None]
    listed = set().union(*payload) if payload else None
    present = {path[len("bag/") :] for path in folder.sizes if path.startswith("bag/")}
    for path in sorted(present - {TAGS, "fetch.txt"}):
        names = listed if path.startswith("data/") else tags
        if names is not None and path not in names:
            report.say("file.extra", "bag/" + path)
    for path in sorted((listed or set()) | set(tags or {})):
        if path not in present:
            report.say("file.missing", "bag/" + path)
    for path in sorted(listed or set()):
        if not path.startswith("data/"):
            report.say("path.unsafe", path, "manifest")
    for path in sorted(tags or {}):
        if path.startswith("data/") or path == TAGS:
            report.say("path.unsafe", path, TAGS)
    for name in TAG_FILES:
        if tags is not None and name not in tags and name in present:
            report.say("file.extra", "bag/" + name)


def _check_payload(folder: Files, manifests: list[dict[str, str] | None], report: Report) -> None:
    short, long = manifests
    for path, digest in (short or {}).items():
        is_sound = _check_digest(folder, path, digest, place=0, report=report)
        other = (long or {}).get(path)
        if (
            is_sound
            and other is not None
            and "bag/" + path in folder.sizes
            and _digest_at(folder, path, 1) != other
        ):
            report.say("manifest.disagree", "bag/" + path)
    if short is None:
        for path, digest in (long or {}).items():
            _check_digest(folder, path, digest, place=1, report=report)
    files = [size for path, size in folder.sizes.items() if path.startswith("bag/data/")]
    said = info(folder).get("Payload-Oxum")
    found = f"{sum(files)}.{len(files)}"
    if said != [found]:
        report.say("bag.oxum", "bag/bag-info.txt", "{} / {}".format(" ".join(said or []), found))


def _digest_at(folder: Files, path: str, place: int) -> str:
    try:
        return folder.digests("bag/" + path)[place]
    except OSError:
        return ""


def _check_digest(folder: Files, path: str, digest: str, *, place: int, report: Report) -> bool:
    """True when the file is there and is what the digest says."""
    if "bag/" + path not in folder.sizes:
        return False
    found = _digest_at(folder, path, place)
    if found == "":
        report.say("file.unreadable", "bag/" + path)
    elif found != digest:
        code = "file.changed" if path.startswith("data/") else "tag.changed"
        report.say(code, "bag/" + path, f"{digest[:16]} / {found[:16]}")
    return found == digest


def info(folder: Files) -> dict[str, list[str]]:
    """``bag-info.txt``: label to its values."""
    try:
        text = folder.read("bag/bag-info.txt", 1 << 20).decode("utf-8", "replace")
    except (OSError, TooLarge):
        return {}
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        label, colon, value = line.partition(": ")
        if colon:
            found.setdefault(label, []).append(value)
    return found
