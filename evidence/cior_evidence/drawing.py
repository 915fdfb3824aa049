"""PDF/A-3a and PDF/UA-1 by Typst out of a template of this package: the same files and instant give the same bytes.

What people wrote reaches a template as data (JSON), so no word of theirs is markup.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from cior_core.errors import ConfigInvalid, IntegrityBroken

_STANDARDS: Final[list[Any]] = ["a-3a", "ua-1"]
_LATIN_END: Final = 0x180
"""Of Basic Latin, Latin-1 and Latin Extended-A, which both fonts have whole."""
_DRAWN: Final = frozenset("\n–—‘’“”…€\u200b")


def drawn(template: str, files: Mapping[str, bytes], *, at_ms: int) -> bytes:
    """The PDF, unsigned. ``files``: what the template reads, by name; ``at_ms``: the instant that the file states.

    Raises ``IntegrityBroken`` (``pdf.template``) when it cannot be drawn to both standards, ``ConfigInvalid``
    (``pdf.no_typesetter``) where Typst is not installed.
    """
    try:
        import typst
    except ImportError:
        raise ConfigInvalid(
            "pdf.no_typesetter",
            "no PDF is drawn here: typst is not installed",
            cure="pip install 'cior[evidence]'",
        ) from None
    with tempfile.TemporaryDirectory(prefix="cior-pdf-") as folder:
        root = Path(folder)
        for name, content in files.items():
            (root / name).write_bytes(content)
        source = resources.files(__package__ or "cior_evidence").joinpath(template)
        (root / template).write_bytes(source.read_bytes())
        try:
            made = typst.Compiler(root / template, root=root, ignore_system_fonts=True).compile(
                format="pdf", pdf_standards=_STANDARDS, timestamp=at_ms // 1000
            )
        except typst.TypstError as error:
            raise IntegrityBroken(
                "pdf.template",
                f"{template} cannot be drawn: {error.message}",
                cure="report this as a defect of CIOR",
            ) from error
    assert isinstance(made, bytes)
    # Typst ends at %%EOF without an end of line; what pyhanko appended there would break PDF/A (6.1.9-1).
    return made + b"\n"


def drawable(text: str) -> str:
    """``text`` with what our fonts have no picture of as its number, ``[U+1F600]``: a file that names a letter and
    does not show it is no PDF/A (ISO 19005-3, 6.2.11), and who reads it knows what stood there.
    """
    return "".join(each if each in _DRAWN or _is_latin(each) else f"[U+{ord(each):04X}]" for each in text)


def _is_latin(letter: str) -> bool:
    return letter.isprintable() and ord(letter) < _LATIN_END and letter != "\u00ad"


def grouped(digest: str) -> str:
    """In groups of eight, as people compare it."""
    return " ".join(digest[at : at + 8] for at in range(0, len(digest), 8))


def both_clocks(at_ms: int, zone: str) -> str:
    """An instant by the zone's clock, and by UTC."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    here = utc.astimezone(ZoneInfo(zone))
    return f"{here:%d/%m/%Y %H:%M:%S}.{at_ms % 1000:03d} (UTC {utc:%d/%m %H:%M:%S}.{at_ms % 1000:03d})"
