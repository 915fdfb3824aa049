"""Checks of ``decode``: golden, deterministic, pure, total, plausible, and what makes a press this press."""

from __future__ import annotations

import ast
import builtins
import inspect
import random
import socket
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn
from unittest.mock import patch

from cior_connectors._runtime import codes
from cior_connectors._runtime.guard import DecodeResult, guarded
from cior_connectors.contract import Decoded, Identity
from cior_connectors.kit import samples, wall
from cior_connectors.kit.samples import Sample
from cior_connectors.kit.subject import CheckFailed, NotApplicable, Subject
from cior_core.errors import PayloadRejected
from cior_core.model import Event, PlaceMethod

DECODE_LIMIT_S = 1.0
MUTATIONS = 300
_FORBIDDEN = frozenset(
    {
        "time",
        "random",
        "secrets",
        "uuid",
        "os",
        "socket",
        "asyncio",
        "threading",
        "subprocess",
        "requests",
        "aiohttp",
        "urllib.request",
        "pathlib",
    }
)
_CLOCKS = frozenset({"now", "utcnow", "today"})


def golden(subject: Subject, sample: Sample) -> None:
    """The sample decodes to its golden."""
    if sample.expected is None:
        raise CheckFailed(f"samples/{sample.name} has no expected.json")
    told = samples.told(subject.decode(sample.raw, subject.stamped(sample)))
    if samples.differs(told, sample):
        raise CheckFailed(
            f"samples/{sample.name}: decodes to\n{told}\nand the golden says\n{sample.expected}"
        )


def deterministic(subject: Subject, sample: Sample) -> None:
    """Two decodes by two sources are equal."""
    facts = subject.stamped(sample)
    if subject.decode(sample.raw, facts) != subject.decode(sample.raw, facts):
        raise CheckFailed(f"samples/{sample.name}: decoding twice gives two results")


def pure(subject: Subject, sample: Sample) -> None:
    """Decode works with socket, files, clocks and randomness taken away, and its module imports none of them."""
    facts, source = subject.stamped(sample), subject.source()
    with _blocked():
        try:
            source.decode(sample.raw, facts)
        except PayloadRejected:
            pass
        except _Touched as touched:
            raise CheckFailed(f"decode touches {touched}") from None
    _imports_nothing_impure(subject, source)


class _Touched(BaseException):
    """Decode reached for the outside world; a ``BaseException`` so that no broad handler hides it."""


@contextmanager
def _blocked() -> Iterator[None]:
    def refuse(name: str) -> Any:
        def touched(*_args: object, **_keywords: object) -> NoReturn:
            raise _Touched(name)

        return touched

    with ExitStack() as stack:
        for owner, name in (
            (socket, "socket"),
            (builtins, "open"),
            (time, "time"),
            (time, "time_ns"),
            (time, "sleep"),
            (random, "random"),
            (random, "getrandbits"),
        ):
            stack.enter_context(patch.object(owner, name, refuse(f"{owner.__name__}.{name}")))
        yield


def _imports_nothing_impure(subject: Subject, source: Any) -> None:
    for name, node in _decode_nodes(subject, source):
        for imported in _imported(node):
            if imported in _FORBIDDEN:
                raise CheckFailed(f"{name} imports {imported}: decode must not need it")
        if isinstance(node, ast.Name) and subject.kind.papers is not None and node.id in _FORBIDDEN:
            raise CheckFailed(f"{name} line {node.lineno} uses {node.id}: decode must not need it")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CLOCKS:
            raise CheckFailed(f"{name} line {node.lineno} reads a clock")


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [each.name for each in node.names]
        case ast.ImportFrom():
            return [node.module or ""]
        case _:
            return []


def _decode_nodes(subject: Subject, source: Any) -> Iterator[tuple[str, ast.AST]]:
    """Every node of ``decode.py``; of a connector that is one file those of ``decode`` and of the functions beside it
    (its source may reach for a network, they may not).
    """
    if subject.kind.papers is None:
        module = sys.modules.get(f"{subject.package}.decode")
        trees = [ast.parse(inspect.getsource(module))] if module is not None else []
        name = f"{subject.package}.decode"
    else:
        name = subject.package
        whole = ast.parse(inspect.getsource(sys.modules[name]))
        verb = ast.parse(textwrap.dedent(inspect.getsource(type(source).decode)))
        trees = [verb, *(ast.Module([each], []) for each in whole.body if isinstance(each, ast.FunctionDef))]
    for tree in trees:
        for node in ast.walk(tree):
            yield name, node


def truncation_total(subject: Subject, sample: Sample) -> None:
    """Every prefix of the sample is rejected or decoded; none raises, none hangs."""
    step = max(1, len(sample.raw) // 400)
    for size in range(0, len(sample.raw), step):
        _survives(subject, sample, sample.raw[:size], f"its first {size} bytes")


def random_total(subject: Subject, sample: Sample) -> None:
    """Seeded damage: flipped, dropped, doubled and foreign bytes.

    None raises, none hangs, what is decoded is plausible.
    """
    dice = random.Random(f"{subject.package}/{sample.name}")  # noqa: S311  seeded, so a failure can be repeated
    for n in range(MUTATIONS):
        _survives(subject, sample, _damaged(sample.raw, dice), f"damage number {n}")


def _damaged(raw: bytes, dice: random.Random) -> bytes:
    body = bytearray(raw or b"\0")
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(body)) if body else 0
        match dice.randrange(5):
            case 0 if body:
                body[at] ^= 1 << dice.randrange(8)
            case 1 if body:
                del body[at : at + dice.randint(1, 9)]
            case 2:
                body[at:at] = bytes(body[at : at + dice.randint(1, 40)])
            case 3:
                body[at:at] = dice.randbytes(dice.randint(1, 12))
            case _:
                body[at:at] = dice.choice(
                    (
                        b"NaN",
                        b"-1",
                        b"9" * 400,
                        b"\x00",
                        b"\xff\xfe",
                        b"[" * 200,
                        b'"',
                        b"1e999",
                        b"null",
                        b"{}",
                    )
                )
    return bytes(body)


def _survives(subject: Subject, sample: Sample, payload: bytes, what: str) -> None:
    facts, source = subject.stamped(sample), subject.source()
    began_s = time.thread_time()
    try:
        decoded = source.decode(payload, facts)
    except PayloadRejected:
        decoded = Decoded()
    except Exception as error:
        raise CheckFailed(
            f"samples/{sample.name}, {what}: decode raised {type(error).__name__}, only PayloadRejected is allowed"
        ) from error
    took_s = time.thread_time() - began_s
    if took_s > DECODE_LIMIT_S:
        raise CheckFailed(f"samples/{sample.name}, {what}: decode took {took_s:.1f} s of CPU")
    for event in decoded.events:
        if found := wall.complaints(event, facts):
            raise CheckFailed(f"samples/{sample.name}, {what}: implausible event: {found}")


def plausible(subject: Subject, sample: Sample) -> None:
    """Every event of the sample passes the wall, and siblings have different ids."""
    facts = subject.stamped(sample)
    events = subject.decode(sample.raw, facts).events
    for event in events:
        if found := wall.complaints(event, facts):
            raise CheckFailed(f"samples/{sample.name}: {event.type}: {found}")
    if len({event.id for event in events}) != len(events):
        raise CheckFailed(f"samples/{sample.name}: two events of one payload share an id")


def resent_same_id(subject: Subject, sample: Sample) -> None:
    """The bytes again, five seconds later, as another receipt: the same ids (except where the protocol has nothing to
    tell by).
    """
    if subject.kind.manifest.identity is Identity.RECEIPT:
        raise NotApplicable("identity = receipt: every receipt is its own event")
    first = subject.stamped(sample)
    again = subject.stamped(sample, after_ms=5_000, first_ms=first.received_ms, ordinal=1)
    ids = [[event.id for event in subject.decode(sample.raw, facts).events] for facts in (first, again)]
    if ids[0] != ids[1]:
        raise CheckFailed(f"samples/{sample.name}: the same press sent again gets other ids: {ids}")


def second_press_other_id(subject: Subject) -> None:
    """A second press is another event: by its own bytes, after the resend window, or by being another receipt, as the
    manifest claims.
    """
    checked = sum(_second_press(subject, sample) for sample in subject.samples)
    if checked == 0:
        raise CheckFailed("no sample shows a second press: give one `second_press_of` in its provenance.toml")


def _second_press(subject: Subject, sample: Sample) -> int:
    manifest, name = subject.kind.manifest, sample.provenance.second_press_of
    first = _presses(subject.events(sample))
    if name:
        before = next((each for each in subject.samples if each.name == name), None)
        if before is None:
            raise CheckFailed(f"samples/{sample.name}: second_press_of names no sample")
        other = _presses(subject.events(before))
    elif manifest.identity is Identity.NATIVE or not first:
        return 0
    else:
        gap_ms = (
            1_000 if manifest.identity is Identity.RECEIPT else int(manifest.resend_window_s * 1000) + 1_000
        )
        again = subject.decode(sample.raw, subject.stamped(sample, after_ms=gap_ms, ordinal=7))
        other = _presses(again.events)
    if not first or not other or first & other:
        raise CheckFailed(f"samples/{sample.name}: two presses share an id, or one has none")
    return 1


def _presses(events: Iterable[Event]) -> set[str]:
    """Ids of what a device said; what a connector found wrong about its identity may be one finding for many."""
    return {event.id for event in events if event.type != codes.CONFLICT}


def alarm_without_position(subject: Subject) -> None:
    """Some life-safety sample has no usable position, and its event is there, with the place explicitly unknown."""
    if not subject.kind.manifest.life_safety:
        raise NotApplicable("carries no life-safety signals")
    for sample in subject.life_safety_samples():
        if any(
            event.life_safety and event.place.method is PlaceMethod.UNKNOWN
            for event in subject.events(sample)
        ):
            return
    raise CheckFailed("no sample shows a life-safety signal without position that is still an event")


def undecodable(subject: Subject) -> tuple[bytes, DecodeResult]:
    """Some bytes that this connector rejects. Raises :class:`CheckFailed` when it takes anything."""
    sample = subject.first_decodable()
    for candidate in (b"\x00\xff not a message \xfe", b"", sample.raw[: len(sample.raw) // 2], b"{" * 50):
        decoded = guarded(subject.source().decode, candidate, subject.stamped(sample))
        if decoded.code is not None:
            return candidate, decoded
    raise CheckFailed("decode takes any bytes for a message")
