"""The watchdog's judgements on a clock of its own: what ends a worker and what does not."""

from __future__ import annotations

import msgspec
import pytest

from cior_streams.watchdog import Diagnosis, Logs, Observation, Watchdog

URGENT = ("cior.events.urgent.v1", 0)
TOPICS = frozenset({URGENT[0]})


def seen(at_s: float, *, committed: int = 0, assigned: bool = True, unsent: int = 0) -> Observation:
    return Observation(
        at_s=at_s,
        is_reading=assigned,
        committed={URGENT: committed} if assigned else {},
        assigned=frozenset({URGENT}) if assigned else frozenset(),
        topics=TOPICS,
        unsent=unsent,
    )


def logs(end: int, *, cluster: str = "cior-a") -> Logs:
    return Logs(topics=TOPICS, ends={URGENT: end}, cluster=cluster)


def test_a_worker_that_follows_its_log_is_fine() -> None:
    dog = Watchdog(stall_s=10)
    for now_s in range(60):
        assert dog.diagnose(seen(now_s, committed=now_s), logs(now_s + 3), now_s=now_s) is Diagnosis.FINE


def test_nothing_to_read_is_no_stall() -> None:
    dog = Watchdog(stall_s=10)
    assert {dog.diagnose(seen(t, committed=7), logs(7), now_s=t) for t in range(100)} == {Diagnosis.FINE}


def test_input_that_waits_longer_than_the_limit_is_a_stall() -> None:
    dog = Watchdog(stall_s=10)
    diagnoses = [dog.diagnose(seen(t, committed=7), logs(9), now_s=t) for t in range(13)]
    assert diagnoses[:11] == [Diagnosis.FINE] * 11
    assert diagnoses[11:] == [Diagnosis.STALLED] * 2


def test_recovering_for_ever_is_a_stall() -> None:
    dog = Watchdog(stall_s=10)
    assert dog.diagnose(seen(0, assigned=False), logs(0), now_s=0) is Diagnosis.FINE
    assert dog.diagnose(seen(11, assigned=False), logs(0), now_s=11) is Diagnosis.STALLED


def test_time_without_a_broker_is_nobodys_stall() -> None:
    dog = Watchdog(stall_s=10)
    dog.diagnose(seen(0, committed=7), logs(9), now_s=0)
    assert dog.diagnose(seen(60), None, now_s=60) is Diagnosis.BROKER_AWAY
    assert dog.diagnose(seen(61, committed=7), logs(9), now_s=61) is Diagnosis.FINE


def test_another_cluster_behind_the_same_address_is_another_log_even_when_it_is_longer() -> None:
    dog = Watchdog(stall_s=10)
    assert dog.diagnose(seen(0, committed=7), logs(7), now_s=0) is Diagnosis.FINE
    diagnosis = dog.diagnose(seen(1, committed=7), logs(99, cluster="cior-b"), now_s=1)
    assert diagnosis is Diagnosis.LOG_RESET


def test_an_answer_without_a_cluster_id_says_nothing_about_the_log() -> None:
    dog = Watchdog(stall_s=10)
    answers = ("", "cior-a", "", "cior-a")
    assert {
        dog.diagnose(seen(t, committed=7), logs(7, cluster=each), now_s=t) for t, each in enumerate(answers)
    } == {Diagnosis.FINE}


def test_an_end_that_goes_back_is_another_log() -> None:
    dog = Watchdog(stall_s=10)
    dog.diagnose(seen(0, committed=7), logs(7), now_s=0)
    assert dog.diagnose(seen(1, committed=7), logs(2), now_s=1) is Diagnosis.LOG_RESET


def test_a_topic_may_be_missing_for_a_moment_only() -> None:
    dog = Watchdog(stall_s=10)
    gone = msgspec.structs.replace(logs(7), topics=frozenset(), ends={})
    assert dog.diagnose(seen(1), gone, now_s=1) is Diagnosis.FINE
    assert dog.diagnose(seen(5), gone, now_s=5) is Diagnosis.TOPIC_MISSING


@pytest.mark.parametrize(
    ("observation", "diagnosis"),
    [(seen(0, unsent=1), Diagnosis.TABLE_UNSENT), (seen(-30), Diagnosis.LOOP_STUCK)],
)
def test_a_table_entry_that_was_not_sent_and_a_loop_that_does_not_turn_end_the_worker(
    observation: Observation, diagnosis: Diagnosis
) -> None:
    assert Watchdog(stall_s=10).diagnose(observation, logs(0), now_s=0) is diagnosis
