"""The watchdog's judgements on a clock of its own: what ends a worker and what does not."""

from __future__ import annotations

from typing import Any

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


SLOW, OTHER, SHORT = ("cior.events.v1", 0), ("cior.events.v1", 1), ("cior.telemetry.v1", 0)
BUFFER = 4_096


def behind_a_file(
    at_s: float, *, queued: dict[str, int] | None = None, done: int | None = None, other_done: int = 0
) -> tuple[Observation, Logs]:
    """The bulk worker does 30 messages of one partition a second, of thousands; in another a single one waits."""
    count = round(at_s * 30) if done is None else done
    observed = Observation(
        at_s=at_s,
        is_reading=True,
        committed={SLOW: count, OTHER: 0},
        assigned=frozenset({SLOW, OTHER, SHORT}),
        topics=frozenset({SLOW[0], SHORT[0]}),
        done={SLOW: count, OTHER: other_done},
        queued={SLOW[0]: 3_000} if queued is None else queued,
    )
    return observed, Logs(topics=observed.topics, ends={SLOW: 9_000, OTHER: 1, SHORT: 0}, cluster="a")


def test_a_message_that_waits_its_turn_behind_a_file_in_another_partition_is_no_stall() -> None:
    """One agent serves both. Ending the worker then makes all of it later still: it was seen to happen twice."""
    dog = Watchdog(stall_s=10)
    for now_s in range(120):
        assert dog.diagnose(*behind_a_file(now_s), now_s=now_s) is Diagnosis.FINE


def test_a_topic_kept_out_by_anothers_full_queue_is_no_stall() -> None:
    dog = Watchdog(stall_s=10)
    for now_s in range(120):
        observed, logs = behind_a_file(now_s, queued={SLOW[0]: BUFFER, SHORT[0]: 0}, other_done=1)
        waits = msgspec.structs.replace(logs, ends={**logs.ends, SHORT: 5})
        committed = {**observed.committed, OTHER: 1}
        observed = msgspec.structs.replace(observed, committed=committed)
        assert dog.diagnose(observed, waits, now_s=now_s) is Diagnosis.FINE


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"queued": {SLOW[0]: 0}}, id="nothing lies before its agent: it was never fetched"),
        pytest.param({"done": 7}, id="its agent does nothing"),
        pytest.param({"other_done": 1}, id="it was done, and never committed"),
    ],
)
def test_a_partition_that_nothing_excuses_is_a_stall_though_others_move(how: dict[str, Any]) -> None:
    dog = Watchdog(stall_s=10)
    found = [dog.diagnose(*behind_a_file(t, **how), now_s=t) for t in range(23)]
    assert Diagnosis.STALLED in found
    assert found[:10] == [Diagnosis.FINE] * 10


def test_nobody_waits_for_longer_than_two_full_queues() -> None:
    """A partition that Faust lost is found even while another never rests."""
    dog = Watchdog(stall_s=10)
    found = [dog.diagnose(*behind_a_file(t), now_s=t) for t in range(2 * BUFFER // 30 + 3)]
    assert found[-1] is Diagnosis.STALLED
    assert set(found[: 2 * BUFFER // 30 - 1]) == {Diagnosis.FINE}
