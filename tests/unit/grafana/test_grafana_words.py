"""Words in both languages, and colours that say a shape and a text too."""

from __future__ import annotations

import pytest

from cior_core.strict_toml import ConfigFault
from cior_grafana import thresholds, words
from cior_grafana.words import Language

TITLE = '[p]\ntitle.es = "Uno"\ntitle.en = "One"\n'
DESCRIBED = 'description.es = "Dos"\ndescription.en = "Two"\n'


def test_words_are_read_in_both_languages() -> None:
    found = words.read(
        f'{TITLE}{DESCRIBED}columns.n.es = "Cantidad"\ncolumns.n.en = "Count"\n', file="x.toml"
    )
    assert [found["p"].title[each] for each in Language] == ["Uno", "One"]
    assert found["p"].columns["n"][Language.ES] == "Cantidad"


WRONG = {
    "no Spanish": ('[p]\ntitle.en = "One"\n' + DESCRIBED, "config.missing_key", 1),
    "no English": ('[p]\ntitle.es = "Uno"\n' + DESCRIBED, "config.missing_key", 1),
    "no description": (TITLE, "config.missing_key", 1),
    "an empty text": (TITLE.replace("Uno", " ") + DESCRIBED, "words.empty", 2),
    "a third language": (TITLE + 'title.pt = "Um"\n' + DESCRIBED, "config.unknown_key", 4),
    "a misspelt key": (TITLE + DESCRIBED + 'colums.n.es = "x"\n', "config.unknown_key", 1),
    "a column in one language": (TITLE + DESCRIBED + 'columns.n.es = "x"\n', "config.missing_key", 1),
    "no TOML": (TITLE + "description es", "config.syntax", 4),
}


@pytest.mark.parametrize(("text", "code", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_the_words_is_told_with_its_line(text: str, code: str, line: int) -> None:
    with pytest.raises(ConfigFault) as told:
        words.read(text, file="words/x.toml")
    assert (told.value.code, told.value.line) == (code, line)


def test_a_missing_language_is_named_with_its_panel_and_text() -> None:
    with pytest.raises(ConfigFault, match=r"words/x\.toml:1: key 'es' is missing in p\.title"):
        words.read('[p]\ntitle.en = "One"\n' + DESCRIBED, file="words/x.toml")


def test_a_board_without_words_is_named() -> None:
    with pytest.raises(ConfigFault, match=r"words/nowhere\.toml"):
        words.load("nowhere")


STEP = '{ colour = "#112233", shape = "●", text = { es = "a", en = "b" }'
WRONG_SETS = {
    "no steps": "[s]\nsteps = []\n",
    "a named colour": f"[s]\nsteps = [{STEP.replace('#112233', 'red')} }}]\n",
    "no shape": f"[s]\nsteps = [{STEP.replace('●', ' ')} }}]\n",
    "a first step with a number": f"[s]\nsteps = [{STEP}, at = 1 }}]\n",
    "steps that fall": f"[s]\nsteps = [{STEP} }}, {STEP}, at = 5 }}, {STEP}, at = 3 }}]\n",
    "numbers and values mixed": f'[s]\nsteps = [{STEP}, value = "x" }}, {STEP}, at = 3 }}]\n',
}


@pytest.mark.parametrize("text", WRONG_SETS.values(), ids=WRONG_SETS)
def test_a_set_of_colours_that_could_mislead_is_refused(text: str) -> None:
    with pytest.raises(ConfigFault) as told:
        thresholds.read(text, file="thresholds.toml")
    assert (told.value.code, told.value.line) == ("thresholds.wrong", 1)


@pytest.mark.parametrize(("age_s", "says"), [(0, "✔ al día"), (59.9, "■ demorados"), (60, "✖ DATOS VIEJOS")])
def test_old_data_are_red_at_a_minute(age_s: float, says: str) -> None:
    step = thresholds.load()["data_age"].step(age_s)
    assert step is not None
    assert step.says(Language.ES) == says


def test_a_value_that_no_step_names_has_no_step() -> None:
    assert thresholds.load()["level"].step("P9") is None


@pytest.mark.parametrize("name", thresholds.load())
def test_within_a_set_no_two_steps_look_or_read_alike(name: str) -> None:
    steps = thresholds.load()[name].steps
    for language in Language:
        assert len({step.says(language) for step in steps}) == len(steps)
    assert len({step.shape for step in steps}) >= len({step.colour for step in steps})
