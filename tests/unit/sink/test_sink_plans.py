"""What another sink planned while a partition was with it is read before anything is planned anew."""

from __future__ import annotations

from typing import Any

from cior_bus import topics
from cior_bus.batch_plan import BatchPlan
from cior_sink.storing import StoredPlans
from cior_store.memory import MemoryStore
from cior_store.writers import Plan

URGENT = topics.URGENT.name


def test_law_4_a_partition_that_comes_back_is_read_with_the_plans_of_those_who_had_it() -> None:
    book, forgotten = MemoryStore(), list[Any]()
    plans = StoredPlans(book, forget=lambda *where: forgotten.append(where))
    plans.assigned(URGENT, 0)
    assert plans.planned(URGENT, 0, since=0) is None
    book.save_plan(URGENT, 0, Plan(first=0, last=9, first_digest="another's"))
    plans.assigned(URGENT, 0)
    assert plans.planned(URGENT, 0, since=0) == BatchPlan(first=0, last=9)
    assert forgotten == [(URGENT, 0), (URGENT, 0)], "the sink reads its plans again too"


def test_kinds_whose_copies_collapse_need_no_plan() -> None:
    book = MemoryStore()
    book.save_plan(topics.ALERTS.name, 0, Plan(first=0, last=9, first_digest=""))
    plans = StoredPlans(book, forget=lambda *_: None)
    assert plans.planned(topics.ALERTS.name, 0, since=0) is None
