"""What people read on a board, Spanish and English: ``words/<board>.toml``. A missing language is an error at load."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec

from cior_core import bundled
from cior_core.model import Struct
from cior_core.strict_toml import ConfigFault, locate, parse
from cior_core.taxonomy import Taxonomy

FOLDER = Path(__file__).parent / "words"
# Panels that more than one board has, such as the age of the data.
SHARED = "shared"
BOARD = "board"


class Language(StrEnum):
    """The languages of a board; Spanish is the first."""

    ES = "es"
    EN = "en"


class Word(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text in both languages."""

    es: str
    en: str

    def __getitem__(self, language: Language) -> str:
        """The text in ``language``."""
        return self.es if language is Language.ES else self.en


class PanelWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Title and description; names of columns; the body of a note; what stands there when there are no rows."""

    title: Word
    description: Word
    columns: dict[str, Word] = msgspec.field(default_factory=dict)
    text: Word | None = None
    empty: Word | None = None


BoardWords = dict[str, PanelWords]
NO_DATA = Word(es="— sin datos", en="— no data")
TYPE_COLUMN = "type"
"""The column of codes of types: people read names there."""
_RESERVED_TYPE = "reservada"
RESERVED = Word(es="reservada", en="reserved")
STATE = Word(es="Estado", en="State")


@cache
def type_names(language: Language) -> dict[str, str]:
    """What every type of the bundled taxonomy is called, and a reserved one: codes are for machines."""
    kinds = Taxonomy.load(bundled.text("taxonomy.toml"))
    named = {code: kind.name_es if language is Language.ES else kind.name_en for code, kind in kinds.items()}
    return named | {_RESERVED_TYPE: RESERVED[language]}


def read(text: str, *, file: str) -> BoardWords:
    """The words in ``text``. Raises :class:`ConfigFault` with file and line, also for a text left empty."""
    words = _parsed(text, file)
    for name, panel in words.items():
        for key, word in _each(panel):
            for language in Language:
                if not word[language].strip():
                    _fault(text, file, (name, *key.split("."), language.value))
    return words


def _parsed(text: str, file: str) -> BoardWords:
    # A struct of these very names, not a dict: only then does an error know under which name it stands.
    try:
        names = list(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        names = []
    fields = [(name, PanelWords) for name in names]
    model = msgspec.defstruct("Words", fields, forbid_unknown_fields=True, frozen=True)
    return msgspec.structs.asdict(parse(text, model, file=file))


@cache
def load(board: str) -> BoardWords:
    """The words of ``board`` over those that all boards share."""
    return {**_file(SHARED), **_file(board)}


def _file(board: str) -> BoardWords:
    path = FOLDER / f"{board}.toml"
    if not path.is_file():
        raise ConfigFault(
            "words.missing_file",
            f"board {board} has no words",
            file=f"words/{path.name}",
            line=0,
            cure="write it",
        )
    return read(path.read_text(encoding="utf-8"), file=f"words/{path.name}")


def _each(panel: PanelWords) -> list[tuple[str, Word]]:
    named = [
        ("title", panel.title),
        ("description", panel.description),
        ("text", panel.text),
        ("empty", panel.empty),
    ]
    columns = [(f"columns.{name}", word) for name, word in panel.columns.items()]
    return [(key, word) for key, word in (*named, *columns) if word is not None]


def _fault(text: str, file: str, path: tuple[str, ...]) -> None:
    raise ConfigFault(
        "words.empty",
        f"{'.'.join(path)} is empty",
        file=file,
        line=locate(text, path),
        cure="say it in both languages",
    )
