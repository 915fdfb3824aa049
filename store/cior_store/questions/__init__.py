"""Every question the project asks of the store, as a named function, by who asks.

SQL lives here, in the migrations and in ``deploy/grafana``, nowhere else. Time windows are half open: ``since_ms``
belongs to them, ``until_ms`` does not. Unless it says otherwise a window is over the time of *receipt*.
"""

from __future__ import annotations

from cior_store.questions.accounting import AccountingQuestions
from cior_store.questions.console import ConsoleQuestions
from cior_store.questions.evidence import EvidenceQuestions
from cior_store.questions.operators import OperatorQuestions
from cior_store.questions.supervisors import SupervisorQuestions

__all__ = [
    "AccountingQuestions",
    "ConsoleQuestions",
    "EvidenceQuestions",
    "OperatorQuestions",
    "Questions",
    "SupervisorQuestions",
]


class Questions(OperatorQuestions, AccountingQuestions, SupervisorQuestions, EvidenceQuestions):
    """All who may read tables, over one store. The console is not among them: see :class:`ConsoleQuestions`."""
