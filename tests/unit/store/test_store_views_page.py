"""docs/views.md says what the migrations define: no view without its sentence, no sentence without its view, no stale
page.
"""

from __future__ import annotations

import re
from pathlib import Path

from cior_store import migrate, viewdocs

ROOT = Path(__file__).resolve().parents[3]
DEFINED = re.compile(r"CREATE OR REPLACE VIEW ops\.(\w+) AS")
# Views of the present show drills with a flag, or are the drills themselves; every other one must leave them out.
PRESENT = {
    "v_alerts_open",
    "v_alert_story",
    "v_events",
    "v_drills",
    "v_blind_spots",
    "v_devices",
    "v_cameras",
    "v_commands",
    "v_dead_letters",
    "v_reconciliation",
}


def _definitions() -> dict[str, str]:
    statements = [statement for migration in migrate.bundled() for statement in migration.statements]
    return {found[1]: statement for statement in statements if (found := DEFINED.match(statement))}


def test_every_view_is_described_and_the_page_is_fresh() -> None:
    assert set(viewdocs.described()) == set(_definitions())
    assert (ROOT / "docs" / "views.md").read_text(encoding="utf-8") == viewdocs.page()


def test_every_statistic_view_leaves_drills_out() -> None:
    for name, sql in _definitions().items():
        if name not in PRESENT:
            assert "NOT drill" in sql or "max(drill) = 0" in sql, name
