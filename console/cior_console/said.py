"""What people write, kept as they wrote it and safe to show.

The rule: text is text. HTML stays as it is (pages never read text as markup), letters of every script stay,
right-to-left ones too. What is not seen, or turns the direction of what follows, stays as a visible mark ``⟨U+202E⟩``:
nothing is lost, and nothing can make a text look like another one. Names and codes may hold none of it.
"""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n\t")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's general categories of what has no shape of its own: controls, formats, surrogates, private, unassigned,
separators of lines."""


def shown_text(text: str) -> str:
    """``text`` in NFC, with one kind of line end, whatever is not seen as a mark; blanks around it are cut."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(_mark(each) if _is_hidden(each) else each for each in plain).strip()


def is_plain_name(text: str) -> bool:
    """Whether a name or code holds only what is seen, on one line."""
    return text == text.strip() and not any(_is_hidden(each) or each in _KEPT for each in text)


def _is_hidden(character: str) -> bool:
    return character not in _KEPT and unicodedata.category(character) in _HIDDEN


def _mark(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
