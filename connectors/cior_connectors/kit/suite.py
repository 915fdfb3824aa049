"""One line in an author's test file::

    TestSirens = conformance("my_package.sirens")

gives a pytest class with one test for each check, per sample where that makes sense. Each check is also a plain
function, so it can be run, and seen to fail, on its own (:func:`examine`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cior_connectors.kit import checks_decode, checks_live, checks_runtime, checks_static
from cior_connectors.kit.quality import Status, rules
from cior_connectors.kit.samples import Sample
from cior_connectors.kit.subject import CheckFailed, NotApplicable, Peer, Subject


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check: its name, what runs, and whether it runs for each sample."""

    name: str
    run: Callable[..., Any]
    per_sample: bool

    @property
    def sentence(self) -> str:
        """What it demands."""
        return (inspect.getdoc(self.run) or "").split("\n\n")[0]


def _check(run: Callable[..., Any]) -> Check:
    return Check(name=run.__name__, run=run, per_sample="sample" in inspect.signature(run).parameters)


CHECKS: tuple[Check, ...] = tuple(
    _check(run)
    for run in (
        checks_static.manifest_valid,
        checks_static.config_examples,
        checks_static.unknown_key_refused,
        checks_static.secrets_hidden,
        checks_static.samples_have_provenance,
        checks_static.readme_fresh,
        checks_static.capabilities,
        checks_static.quality_file,
        checks_decode.golden,
        checks_decode.deterministic,
        checks_decode.pure,
        checks_decode.truncation_total,
        checks_decode.random_total,
        checks_decode.plausible,
        checks_decode.resent_same_id,
        checks_decode.second_press_other_id,
        checks_decode.alarm_without_position,
        checks_runtime.ack_after_durable,
        checks_runtime.refused_when_full,
        checks_runtime.crash_redelivers,
        checks_runtime.reconnects,
        checks_runtime.bounded_memory,
        checks_runtime.stops_in_time,
        checks_runtime.log_once,
        checks_runtime.metrics_emitted,
        checks_runtime.undecodable_kept,
        checks_runtime.no_filter,
        checks_runtime.registered_gate,
        checks_runtime.replay_equals_live,
        checks_runtime.sealed_canary,
        checks_live.open_close,
        checks_live.probe_tells,
        checks_live.live_reply_after_durable,
        checks_live.live_refusal,
        checks_live.live_bytes_exact,
    )
)
BY_NAME = {check.name: check for check in CHECKS}


async def examine(name: str, subject: Subject, sample: Sample | None = None) -> None:
    """Run one check. Raises :class:`CheckFailed` or :class:`NotApplicable`."""
    check = BY_NAME[name]
    try:
        result = check.run(subject, sample) if check.per_sample else check.run(subject)
        if inspect.isawaitable(result):
            await asyncio.wait_for(result, 60)
    except (CheckFailed, NotApplicable):
        raise
    except Exception as error:
        raise CheckFailed(f"{name}: the connector raised {type(error).__name__}: {error}") from error


async def passes(name: str, subject: Subject) -> bool:
    """Whether a check passes, over all samples where it is per sample; what does not apply passes."""
    for sample in subject.samples if BY_NAME[name].per_sample else (None,):
        try:
            await examine(name, subject, sample)
        except NotApplicable:
            continue
        except CheckFailed:
            return False
    return True


async def false_claims(subject: Subject) -> list[str]:
    """Rules that the quality file calls done while their check fails, or calls todo while it passes."""
    wrong = []
    for rule in rules():
        status = subject.kind.quality.status(rule)
        if not rule.check or status is Status.EXEMPT:
            continue
        claimed = status is Status.DONE
        if await passes(rule.check, subject) != claimed:
            wrong.append(rule.id)
    return wrong


def conformance(package: str, *, peer: Peer | None = None) -> type:
    """The pytest class for a connector; ``peer`` None: the one that its manifest names."""
    subject = Subject(package, peer=peer)

    def pytest_generate_tests(_self: object, metafunc: pytest.Metafunc) -> None:
        if "sample" in metafunc.fixturenames:
            metafunc.parametrize("sample", subject.samples, ids=[sample.name for sample in subject.samples])

    body: dict[str, Any] = {
        "pytest_generate_tests": pytest_generate_tests,
        "subject": subject,
        "__doc__": f"Conformance of {package}.",
    }
    for check in CHECKS:
        body[f"test_{check.name}"] = _test(check, subject)
    body["test_quality_claims_are_true"] = _quality_test(subject)
    return type("TestConformance", (), body)


def _test(check: Check, subject: Subject) -> Callable[..., Any]:
    async def with_sample(_self: object, sample: Sample) -> None:
        await _run(check, subject, sample)

    async def without(_self: object) -> None:
        await _run(check, subject, None)

    test = with_sample if check.per_sample else without
    test.__name__ = f"test_{check.name}"
    test.__doc__ = check.sentence
    return test


def _quality_test(subject: Subject) -> Callable[..., Any]:
    async def test(_self: object) -> None:
        """The quality file says done exactly where the machine agrees."""
        wrong = await false_claims(subject)
        assert not wrong, f"quality.toml is wrong about {wrong}"

    return test


async def _run(check: Check, subject: Subject, sample: Sample | None) -> None:
    try:
        await examine(check.name, subject, sample)
    except NotApplicable as reason:
        pytest.skip(str(reason))
