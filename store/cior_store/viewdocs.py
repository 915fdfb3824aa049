"""``docs/views.md`` from the migrations: the views are the contract with every dashboard, so their page is generated
and tested for freshness.

Run ``python -m cior_store.viewdocs > docs/views.md``.
"""

from __future__ import annotations

import re
import sys

from cior_store.migrate import bundled

_VIEW = re.compile(r"-- @(v_[a-z0-9_]+) (.+)\n")
_HEAD = """# Views: the contract between the store and every dashboard

Generated from `store/cior_store/migrations` by `python -m cior_store.viewdocs`; do not edit. \
All views live in database `ops`. Statistics leave drills
out; views of the present show them with a `drill` column. Silent alerts have a district and never coordinates. \
Bound every query by time.
Instants are `DateTime64(3, 'UTC')`; H3 cells are `UInt64`; `received` is the centre's clock, `occurred` the device's.

| view | what it shows |
|---|---|
"""


def described() -> dict[str, str]:
    """View names with the sentence beside their definition; the last definition of a name counts."""
    return {name: text for migration in bundled() for name, text in _VIEW.findall(migration.text)}


def page() -> str:
    """The whole page as Markdown."""
    return _HEAD + "".join(f"| `ops.{name}` | {text} |\n" for name, text in sorted(described().items()))


if __name__ == "__main__":
    sys.stdout.write(page())
