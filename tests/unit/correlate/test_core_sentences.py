"""What the correlator says is data: each code used exists, each code is used, both languages fill in the same words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import cior_core.correlate
from cior_core import bundled, rule_loading
from cior_core.correlate import initial, seen_words
from cior_core.correlate.step_context import StepContext
from cior_core.model import DEFAULT_AREA, ActionKind, AgencyStage, AlertStatus, Disposition
from cior_core.rules import RulePack
from cior_core.sentences import SentenceBook, Text
from cior_core.strict_toml import ConfigFault
from cior_core.watching import REASONS, Heading

SOURCE = bundled.text("sentences.toml")
BOOK = SentenceBook.load(SOURCE)
# The degraded rule speaks when nothing else can: its words must not depend on a file.
FILES = [
    file
    for file in sorted(Path(cior_core.correlate.__file__).parent.glob("*.py"))
    if file.name != "degraded.py"
]


def sayings(source: str) -> Iterator[tuple[str | None, frozenset[str]]]:
    """(code, names of the arguments) of each sentence that ``source`` asks for; code None: it is no literal."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id="context"), attr="text") | ast.Name(id="Refused"):
                code = node.args[0]
                names = frozenset(word.arg or "**" for word in node.keywords)
                yield (str(code.value) if isinstance(code, ast.Constant) else None), names
            case _:
                pass


USED = [(file.name, *asked) for file in FILES for asked in sayings(file.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("file", "code", "names"), USED, ids=[f"{file}-{code}" for file, code, _ in USED])
def test_each_code_used_exists_and_gets_its_arguments(
    file: str, code: str | None, names: frozenset[str]
) -> None:
    assert code in BOOK.sentences, f"{file}: write the code of sentences.toml as a literal"
    assert names == BOOK.sentences[code].arguments


WORDS = {
    f"word_{name}_{value}"
    for name, values in (
        ("act", ActionKind),
        ("stage", AgencyStage),
        ("status", AlertStatus),
        ("disposition", Disposition),
    )
    for value in values
}
"""What sentences call the acts, stages, states and dispositions of the model."""
SEEN = {
    *(f"word_seen_{label}_{number}" for label in seen_words.LABELS for number in ("one", "many")),
    *(f"word_heading_{heading}" for heading in get_args(Heading)),
    *(f"word_watching_{why}" for why in REASONS),
}
"""What they call what a camera saw, which way it went, and why nobody looked."""


def test_each_code_of_the_file_is_used() -> None:
    assert set(BOOK.sentences) - {code for _, code, _ in USED} - WORDS - SEEN == set()
    assert set(BOOK.sentences) >= SEEN


def test_every_act_stage_state_and_disposition_has_a_word_in_both_languages(pack: RulePack) -> None:
    assert set(BOOK.sentences) >= WORDS
    context = StepContext(initial(DEFAULT_AREA), pack, at_ms=0, item_id="i")
    assert context.word(ActionKind.ON_SCENE) == Text("en el lugar", "on scene")
    assert context.word(AlertStatus.OPEN) != context.word(ActionKind.OPEN)


def spoken(tree: ast.Module) -> Iterator[str]:
    """The literals of several words that are neither a docstring nor part of an error of the programmer's."""
    silent = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    errors = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    silent.update(inner for node in errors for inner in ast.walk(node) if isinstance(inner, ast.expr))
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and node not in silent else None
        if isinstance(text, str) and text.strip().count(" ") > 1:
            yield text


def test_no_file_of_the_correlator_holds_a_sentence_of_its_own() -> None:
    found = {file.name: list(spoken(ast.parse(file.read_text(encoding="utf-8")))) for file in FILES}
    assert {name: words for name, words in found.items() if words} == {}
    assert list(spoken(ast.parse('say("La sirena se apaga")'))) == ["La sirena se apaga"]


def test_an_argument_may_be_a_text_of_both_languages() -> None:
    book = SentenceBook.load('[greeting]\nes = "Hola, {who}."\nen = "Hello, {who}."\n')
    assert book.text("greeting", {"who": Text("vecina", "neighbour")}) == Text(
        "Hola, vecina.", "Hello, neighbour."
    )


def test_other_arguments_in_one_language_do_not_load() -> None:
    with pytest.raises(ConfigFault) as caught:
        SentenceBook.load(SOURCE.replace("Absorbe {alert}", "Absorbe {alerta}"))
    assert caught.value.code == "sentence.arguments"
    assert caught.value.line > 0


def test_the_version_of_the_rules_is_also_of_their_sentences(pack: RulePack) -> None:
    rules = Path(__file__).parents[3] / "streams" / "rules"
    texts = {path.name: path.read_text(encoding="utf-8") for path in rules.glob("*.toml")}
    other = SentenceBook.load(SOURCE.replace("Absorbe {alert}.", "Toma {alert}."))
    assert rule_loading.load(texts, types=pack.types, sentences=other).version != pack.version
    assert rule_loading.load(texts, types=pack.types, sentences=BOOK).version == pack.version
