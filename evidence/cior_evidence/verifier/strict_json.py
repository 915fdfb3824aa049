"""JSON with nothing that two readers read differently: no key twice, no NaN, no number without end, UTF-8 only."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any, Iterator, NoReturn

from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.folder import Files, TooLarge

MOST_JSON_BYTES = 64 * 1024 * 1024
MOST_LINES = 500_000
LONGEST_NUMBER = 24
MOST_JSON_DEPTH = 32
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$", re.ASCII)


class NotStrict(ValueError):
    """JSON that means nothing, or means two things; ``code`` says which."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse(content: bytes) -> Any:
    """The value. ``NotStrict`` for whatever is not exactly one."""
    try:
        text = content.decode("utf-8")
        _limit_depth(text)
        return json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_broken,
        )
    except NotStrict:
        raise
    except (ValueError, RecursionError) as why:
        raise NotStrict("meta.malformed", type(why).__name__) from None


def _limit_depth(text: str) -> None:
    """Before a recursive reader sees it. Brackets inside strings count too: nothing of ours has 32."""
    depth = 0
    for mark in re.finditer(r"[\[{\]}]", text):
        depth += 1 if mark.group() in "[{" else -1
        if depth > MOST_JSON_DEPTH:
            raise NotStrict("meta.malformed", "depth")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise NotStrict("meta.duplicate", next(name for name in names if names.count(name) > 1))
    return found


def _no_constant(name: str) -> NoReturn:
    raise NotStrict("meta.number", name)


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise NotStrict("meta.number", text[:LONGEST_NUMBER])
    return int(text)


def _broken(text: str) -> float:
    value = float(text) if len(text) <= LONGEST_NUMBER else float("inf")
    if value in (float("inf"), float("-inf")):
        raise NotStrict("meta.number", text[:LONGEST_NUMBER])
    return value


def canonical(value: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8 as it is: the bytes whose digest a chain holds."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def read_object(folder: Files, path: str, report: Report) -> dict[str, Any]:
    """The JSON object in this file; an empty one when there is none, which is said."""
    found = _read(folder, path, report)
    try:
        value = parse(found) if found is not None else {}
    except NotStrict as why:
        report.say(why.code, path, str(why))
        return {}
    if not isinstance(value, dict):
        report.say("meta.malformed", path, type(value).__name__)
        return {}
    return value


def read_lines(folder: Files, path: str, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, object) of each line; a line that is none is said and left out."""
    found = _read(folder, path, report)
    if not found:
        return
    if not found.endswith(b"\n"):
        report.say("meta.malformed", path, "LF")
    lines = found.rstrip(b"\n").split(b"\n")
    if len(lines) > MOST_LINES:
        report.say("meta.malformed", path, f"> {MOST_LINES}")
        return
    for number, line in enumerate(lines, start=1):
        try:
            value = parse(line)
        except NotStrict as why:
            report.say(why.code, path, f"{number}: {why}")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            report.say("meta.malformed", path, str(number))


def _read(folder: Files, path: str, report: Report) -> bytes | None:
    if path not in folder.sizes:
        report.say("meta.missing", path)
        return None
    try:
        return folder.read(path, MOST_JSON_BYTES)
    except (OSError, TooLarge):
        report.say("file.unreadable", path)
        return None


def instant(value: Any) -> datetime | None:
    """RFC 3339 with a zone, as UTC; None for anything else."""
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    try:
        read = datetime.strptime(whole + (zone if zone != "Z" else "+0000"), "%Y-%m-%dT%H:%M:%S%z")
        return read.astimezone(timezone.utc) + timedelta(microseconds=int(((fraction or "") + "000000")[:6]))
    except (ValueError, OverflowError):
        return None
