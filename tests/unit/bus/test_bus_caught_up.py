"""Whether what was on its way is stored: a busy broker is asked again, one that refuses is not."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from cior_bus import caught_up as asking
from cior_bus.caught_up import caught_up
from cior_bus.settings import BusSettings

BUS = BusSettings.from_dsn("kafka://127.0.0.1:1?profile=tansu", client_id="x")
GROUPS = {"sink": ("cior.raw.v1",)}


class Broker:
    """Answers the rounds in turn; the last answer for ever."""

    def __init__(self, *answers: str | bool) -> None:
        self.answers, self.asked = list(answers), 0

    def rounds(self, *_: object, **__: object) -> bool:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, bool):
            return answer
        raise KafkaException(KafkaError(getattr(KafkaError, answer)))


@pytest.mark.parametrize(
    ("answers", "is_known", "asked"),
    [
        ((True,), True, 1),
        ((False,), False, 1),
        (("_TIMED_OUT", "_TRANSPORT", True), True, 3),
        (("_TIMED_OUT", False), False, 2),
        (("TOPIC_AUTHORIZATION_FAILED", True), False, 1),
        (("_AUTHENTICATION", True), False, 1),
    ],
)
def test_a_missed_answer_is_asked_for_again_and_a_refusal_is_final(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[str | bool, ...], is_known: bool, asked: int
) -> None:
    broker = Broker(*answers)
    monkeypatch.setattr(asking, "_rounds", broker.rounds)
    monkeypatch.setattr(asking, "_PAUSE_S", 0.0)
    assert caught_up(BUS, GROUPS, rounds=3, within_s=60) is is_known
    assert broker.asked == asked


def test_a_broker_that_never_answers_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker("_TIMED_OUT")
    monkeypatch.setattr(asking, "_rounds", broker.rounds)
    monkeypatch.setattr(asking, "_PAUSE_S", 0.01)
    assert caught_up(BUS, GROUPS, rounds=3, within_s=0.05) is False
    assert broker.asked >= 2
