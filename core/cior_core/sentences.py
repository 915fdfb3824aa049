"""The sentences of the correlator as data: a code and named arguments in, Spanish and English out."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

import msgspec

from cior_core.strict_toml import ConfigFault, locate, parse


class Text(msgspec.Struct, frozen=True):
    """One thing to say, in both languages."""

    es: str
    en: str


class Sentence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of one code, with ``{named}`` arguments: the same ones in both languages."""

    es: str
    en: str

    @property
    def arguments(self) -> frozenset[str]:
        """The names that ``es`` and ``en`` fill in."""
        return _names(self.es) | _names(self.en)


class SentenceBook:
    """Every sentence by its code."""

    def __init__(self, sentences: Mapping[str, Sentence]) -> None:
        self.sentences = dict(sentences)

    @classmethod
    def load(cls, text: str, *, file: str = "sentences.toml") -> SentenceBook:
        """Read and check. Raises :class:`~cior_core.strict_toml.ConfigFault` ``sentence.arguments`` or ``config.*``."""
        sentences = parse(text, dict[str, Sentence], file=file)
        for code, sentence in sentences.items():
            if _names(sentence.es) != _names(sentence.en):
                raise ConfigFault(
                    "sentence.arguments",
                    f"sentence '{code}' has {sorted(_names(sentence.es))} in es, {sorted(_names(sentence.en))} in en",
                    file=file,
                    line=locate(text, (code,)),
                    cure="name the same arguments in both languages",
                )
        return cls(sentences)

    def text(self, code: str, arguments: Mapping[str, object]) -> Text:
        """The sentence of ``code``, filled in; a :class:`Text` argument is taken in the sentence's language."""
        sentence = self.sentences[code]
        if not arguments:
            return Text(sentence.es, sentence.en)
        es = {name: value.es if isinstance(value, Text) else value for name, value in arguments.items()}
        en = {name: value.en if isinstance(value, Text) else value for name, value in arguments.items()}
        return Text(sentence.es.format_map(es), sentence.en.format_map(en))


def _names(template: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)
