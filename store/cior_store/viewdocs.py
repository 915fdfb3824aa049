"""``docs/views.md`` from the migrations: the views are the contract with every dashboard, so their page is generated
and tested for freshness.

A view's sentence stands beside its definition: ``-- @wall.v_open_alerts Alerts neither …`` (without a database:
``ops``); lines that go on with it begin with ``--`` and at least two spaces.

Run ``python -m cior_store.viewdocs > docs/views.md``.
"""

from __future__ import annotations

import re
import sys

from cior_store.migrate import bundled

_VIEW = re.compile(r"-- @(?:(\w+)\.)?(v_[a-z0-9_]+) (.+\n(?:--  +.+\n)*)")
_CONTINUED = re.compile(r"\n(?:--)? *")
_HEAD = """# Views: the contract between the store and every dashboard

Generated from `store/cior_store/migrations` by `python -m cior_store.viewdocs`; do not edit.
Statistics leave drills out; views of the present show them with a `drill` column. Bound every query by time.
Instants are `DateTime64(3, 'UTC')`; H3 cells are `UInt64`; `received` is the centre's clock, `occurred` the device's.
"""
_SECTIONS = {
    "wall": """
## Database `wall`: what a whole room may see

Read by `cior_grafana_wall` and `cior_grafana_supervisor`. Reserved alerts (sealed or silent) are a level, a status, a
district and times to the minute.
""",
    "supervisor": """
## Database `supervisor`: single alerts and devices that are not sealed

Read by `cior_grafana_supervisor`, which reads `wall` too.
""",
    "observatory": """
## Database `observatory`: statistics with small cells suppressed

Read by `cior_grafana_observatory`, which reads nothing else.
""",
    "console": """
## Database `console`: what the console's page asks

Read by `cior_console`, which reads nothing else. A view of a window takes `since_ms` and `until_ms` (UTC milliseconds,
widened to whole minutes), the balance `since_s` and `until_s`:
`SELECT * FROM console.v_levels(since_ms = …, until_ms = …)`.
""",
    "auditor": """
## Database `auditor`: the copy of the ledger

Read by `cior_auditor`, which reads nothing else. The ledger itself is in the register (`cior register verify`); this
copy is for questions (`cior verify-log` checks it).
""",
    "ops": """
## Database `ops`: inside the centre

Neither Grafana's users, nor the console's, nor the auditors' read these. The views above are made of them, and of the
tables.
""",
}
_TABLE = "\n| view | what it shows |\n|---|---|\n"


def described() -> dict[str, str]:
    """``database.view`` with the sentence beside its definition; the last definition of a name counts."""
    return {
        f"{database or 'ops'}.{name}": _CONTINUED.sub(" ", text).strip()
        for migration in bundled()
        for database, name, text in _VIEW.findall(migration.text)
    }


def page() -> str:
    """The whole page as Markdown, a section a database."""
    told = sorted(described().items())
    return _HEAD + "".join(
        head
        + _TABLE
        + "".join(f"| `{name}` | {text} |\n" for name, text in told if name.split(".")[0] == database)
        for database, head in _SECTIONS.items()
        if any(name.split(".")[0] == database for name, _ in told)
    )


if __name__ == "__main__":
    sys.stdout.write(page())
