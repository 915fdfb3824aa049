"""Whose eyes a question is asked with: the districts of who asked the console, said to the server with each question.

A server narrows the console's rows by it, whatever the question's own text says (``<filter>`` in
deploy/clickhouse/users.d/cior.xml): a question that forgot its narrowing gets no row of another district, and one that
says for nobody gets none at all. The embedded engine knows no users, so there only the questions narrow (ADR 36).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

SETTING = "log_comment"
"""The comment that a query has: the one setting of free text that a server lets its filters read (``getSetting``)."""
EVERYWHERE = "*"
_seen: ContextVar[str] = ContextVar("cior_districts", default="")


@contextmanager
def seeing(districts: Sequence[str]) -> Iterator[None]:
    """Until it ends, questions of this task, and of the threads that it starts, are asked for these districts; none:
    for all of them.
    """
    said = list(districts) if districts else EVERYWHERE
    token = _seen.set(msgspec.json.encode({"districts": said}).decode())
    try:
        yield
    finally:
        _seen.reset(token)


def clause() -> str:
    """The end of a question that says it; empty when nobody is asked for."""
    said = _seen.get()
    quoted = said.replace("\\", "\\\\").replace("'", "\\'")
    return f" SETTINGS {SETTING} = '{quoted}'" if said else ""
