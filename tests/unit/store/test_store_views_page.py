"""docs/views.md says what the migrations define: no view without its sentence, no sentence without its view, no stale
page.
"""

from __future__ import annotations

import re
from pathlib import Path

from cior_store import migrate, viewdocs

ROOT = Path(__file__).resolve().parents[3]
DEFINED = re.compile(r"CREATE OR REPLACE VIEW (\w+\.\w+)(.*?) AS\n")
# Views of the present show drills with a flag, or are the drills themselves; every other one must leave them out.
PRESENT = {
    "ops.v_alerts_open",
    "ops.v_alert_story",
    "ops.v_events",
    "ops.v_drills",
    "ops.v_blind_spots",
    "ops.v_devices",
    "ops.v_cameras",
    "ops.v_commands",
    "ops.v_dead_letters",
    "ops.v_reconciliation",
    "ops.v_raw_conflicts",
    "ops.v_kinds_minute",
    "ops.v_alerts_discreet",
    "ops.v_health_open",
    "ops.v_balance",
    "ops.v_city_cameras",
}
# What is about no alert and no event: facts of the city, and which versions run; or about one alert that is named.
FACTS = {
    f"{audience}.{name}"
    for audience in migrate.AUDIENCES
    for name in ("v_districts", "v_centre", "v_event_types")
} | {"supervisor.v_versions", "console.v_story", "console.v_told"}
# What is about loss: an exercise that is lost is lost too, and neither accounts nor dead letters have its mark.
LOSS = {
    f"supervisor.v_{name}"
    for name in (
        "camera_stretches",
        "call_dead_letters",
        "accounts_minute",
        "accounts_checked",
        "reconciliation_gaps",
        "refusals_minute",
        "dead_letters_hour",
    )
} | {"console.v_balance", "console.v_dead_codes"}
# The ledger is of people, who are the same in an exercise.
PEOPLE = {"auditor.v_ledger", "auditor.v_ledger_breaks", "auditor.v_ledger_days", "console.v_ledger_there"}


def _definitions() -> dict[str, str]:
    statements = [statement for migration in migrate.bundled() for statement in migration.statements]
    return {found[1]: statement for statement in statements if (found := DEFINED.match(statement))}


def test_every_view_is_described_and_the_page_is_fresh() -> None:
    assert set(viewdocs.described()) == set(_definitions())
    assert (ROOT / "docs" / "views.md").read_text(encoding="utf-8") == viewdocs.page()


def test_every_statistic_view_leaves_drills_out() -> None:
    for name, sql in _definitions().items():
        if name not in PRESENT and name.startswith("ops."):
            assert re.search(r"NOT (\w+\.)?drill|max\(drill\) = 0", sql), name


def test_every_view_of_an_audience_knows_drills_and_runs_as_its_definer() -> None:
    audiences = {name: sql for name, sql in _definitions().items() if not name.startswith("ops.")}
    assert {name.split(".")[0] for name in audiences} <= set(migrate.AUDIENCES)
    for name, sql in audiences.items():
        assert sql.splitlines()[0].endswith(" DEFINER = {definer} SQL SECURITY DEFINER AS"), name
        reads = [sql, *(_definitions()[inner] for inner in re.findall(r"\w+\.v_\w+", sql) if inner != name)]
        # The observatory's months are counted without drills before they are written (test_sink_statistics).
        told = any("drill" in each or "ops.stat_month" in each for each in reads)
        assert told or name in FACTS | LOSS | PEOPLE, name
        assert "sealed." not in sql, name


def test_nobody_else_runs_with_more_rights_than_their_own() -> None:
    assert not [name for name, sql in _definitions().items() if name.startswith("ops.") and "DEFINER" in sql]


def test_a_sentence_of_several_lines_is_one_cell() -> None:
    told = viewdocs.described()["wall.v_open_alerts"]
    assert told.startswith("Alerts neither closed nor merged.")
    assert "--" not in told
    assert told.endswith("Exercises have `drill`.")


def test_what_is_reserved_is_said_in_one_place() -> None:
    """A second form of the rule would be forgotten when a data class or a silent type is added."""
    texts = {migration.name: migration.text for migration in migrate.bundled()}
    texts |= {path.name: path.read_text() for path in (ROOT / "store").rglob("*.py")}
    said = re.compile(r"startsWith\([\w.(]*type[^)]*\)?, 'silent|data_class\s*(=|!=)\s*'sealed'")
    found = {name: len(said.findall(text)) for name, text in texts.items() if said.search(text)}
    # The rule itself, and rows of the minutes from before it, which have no data class.
    assert found == {"audiences": 2}
