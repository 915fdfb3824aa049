"""How often a test repeats: a short form in every run, the long one under ``make long`` (``CIOR_LONG=1``).

Kills by the hundred, decoders fed a million damaged inputs, properties over thousands of examples: too long for CI,
where each has its short form.
"""

from __future__ import annotations

import os

LONG = os.environ.get("CIOR_LONG", "") not in {"", "0"}
EXAMPLES_FACTOR = 50
"""How many times more examples a property tries in the long form."""

TIMEOUT_S = 6 * 3_600.0
"""For one test in the long form."""


def often(short: int, *, long: int) -> int:
    """``short``, or ``long`` under ``make long``. The test carries the mark ``long``."""
    return long if LONG else short
