"""What nobody could read where presses come is in a box for two, and is opened with a name and a reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from click.testing import CliRunner
from nacl.public import PrivateKey

from cior_bus import topics
from cior_bus.sealed_content import opened
from cior_connectors._runtime.guard import guarded
from cior_connectors._runtime.records import Channel, publication_of
from cior_connectors._runtime.seal import Sealer
from cior_connectors.cli import connector
from cior_connectors.kit.checks_runtime import running, until
from cior_connectors.kit.scripted import ScriptedSource
from cior_connectors.kit.subject import Bench, Subject
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied
from cior_core.model import Device

FAMILIES = ("dc09", "traccar", "cad_drop")
REPAIR = PrivateKey.generate()
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut behind": lambda raw: raw[: len(raw) * 2 // 3],
    "cut before": lambda raw: raw[len(raw) // 3 :],
    "a bit turned": lambda raw: bytes(byte ^ 1 if n == len(raw) // 2 else byte for n, byte in enumerate(raw)),
    "noise before it": lambda raw: b"\x00\xff\x16" + raw,
    "another encoding": lambda raw: raw.decode("latin-1").encode("utf-16"),
    "nothing of it": lambda raw: b"\xff\xfe" * len(raw),
}


def _unreadable(subject: Subject) -> list[tuple[bytes, Any]]:
    """Every sample, damaged in every way, as far as nothing of it can be read."""
    found = []
    for sample in subject.samples:
        facts = msgspec.structs.replace(sample.facts(subject.source_urn), peer="198.51.100.77")
        for damage in DAMAGES.values():
            payload = damage(sample.raw)
            if subject.decode(payload, subject.stamped(sample)).code is not None:
                found.append((payload, facts))
        found.append((sample.raw[:40], msgspec.structs.replace(facts, truncated_from_bytes=9_000_000)))
    return found[:150]


def _names(subject: Subject) -> set[bytes]:
    """Who the samples are of, where they are, and what they say."""
    found: set[bytes] = {b"198.51.100.77"}
    for sample in subject.samples:
        for event in subject.events(sample):
            places = (str(event.place.lat), str(event.place.lon)) if event.place.lat is not None else ()
            found |= {text.encode() for text in (event.subject, event.summary or "", *places)}
    return {each for each in found if len(each) >= 6}


def _outside(bench: Bench, lines: list[Any]) -> bytes:
    shown = [repr(lines).encode(), bench.metrics.text().encode()]
    for message in bench.sink.messages:
        shown += [message.key, *(value for _, value in message.headers)]
        shown.append(b"" if message.topic == topics.SEALED.name else message.value)
    shown += [letter.payload for letter in bench.sink.dead()] + [each.payload for each in bench.sink.raws()]
    return b"\n".join(shown)


@pytest.mark.parametrize("family", FAMILIES)
async def test_law_17_what_cannot_be_read_shows_nobody_though_the_registry_has_nobody_sealed(
    family: str,
) -> None:
    subject = Subject(f"cior_connectors.builtin.{family}")
    steps = _unreadable(subject)
    assert len(steps) >= 10
    source = ScriptedSource(subject.source().decode, list(steps))
    devices = [Device(id=event.subject, kind="kit") for event in subject.events(subject.first_decodable())]
    with (
        structlog.testing.capture_logs() as lines,
        subject.bench(source, devices=devices, max_events_per_s=None) as bench,
    ):
        async with running(bench):
            await until(lambda: len(source.answers) == len(steps), "not answered", within_s=60)
        shown = _outside(bench, lines)
        boxes = [opened(record.payload, bytes(subject.key)).payload for record in bench.sink.raws()]
        letters = [opened(letter.payload, bytes(subject.key)) for letter in bench.sink.dead()]
        codes = {letter.code for letter in bench.sink.dead()}
    assert {name for name in _names(subject) if name in shown} == set()
    assert not any(payload in shown for payload, _ in steps if len(payload) > 12)
    assert sorted(boxes) == sorted(letter.payload for letter in letters) == sorted(raw for raw, _ in steps)
    assert {letter.code for letter in letters} == codes, "why it could not be read is said: it names nobody"


def test_law_17_what_was_read_is_for_the_team_and_what_was_not_for_the_repair_key_too() -> None:
    team = PrivateKey.generate()
    subject = Subject("cior_connectors.builtin.dc09")
    sealer = Sealer(team_key=bytes(team.public_key), repair_key=bytes(REPAIR.public_key), hmac_key=bytes(32))
    facts = subject.stamped(subject.first_decodable())
    read, unread = (sealer.box(facts, b"maria", unread=unread) for unread in (False, True))
    assert [opened(box, bytes(team)).payload for box in (read, unread)] == [b"maria", b"maria"]
    assert opened(unread, bytes(REPAIR)).payload == b"maria"
    with pytest.raises(AccessDenied):
        opened(read, bytes(REPAIR))


def _archive(tmp_path: Path, raw: bytes) -> Path:
    """One record of a DC-09 line that could not be read, as its topic carries it."""
    subject = Subject("cior_connectors.builtin.dc09")
    sample = subject.first_decodable()
    facts = subject.stamped(sample)
    sealer = Sealer(
        team_key=bytes(PrivateKey.generate().public_key),
        repair_key=bytes(REPAIR.public_key),
        hmac_key=bytes(32),
    )
    channel = Channel(
        context=subject.context(),
        sealer=sealer,
        life_safety=True,
        sealed=False,
        carries_sealed=True,
        keep=lambda events: events,
        expected_every_s=lambda _subject: None,
    )

    def broken(_raw: bytes, _facts: Any) -> Any:
        raise ZeroDivisionError

    ready = publication_of(channel, raw, facts, guarded(broken, raw, facts))
    path = tmp_path / "archive.ndjson"
    path.write_bytes(codec.encode(ready.record) + b"\n")
    return path


def _opened(tmp_path: Path, archive: Path, *more: str) -> Any:
    key = tmp_path / "repair.private"
    if not key.exists():
        key.write_bytes(base64.b64encode(bytes(REPAIR)))
        key.chmod(0o600)
    return CliRunner().invoke(
        connector,
        ["open", str(archive), "--key", str(key), "--openings", str(tmp_path / "openings.ndjson"), *more],
    )


def test_law_17_a_record_is_opened_with_a_name_and_a_reason_and_decoded_again_when_the_decoder_is_mended(
    tmp_path: Path,
) -> None:
    subject = Subject("cior_connectors.builtin.dc09")
    sample = subject.first_decodable()
    archive, out = _archive(tmp_path, sample.raw), tmp_path / "opened.ndjson"
    nameless = _opened(tmp_path, archive, "--who", " ", "--reason", "x", "--out", str(tmp_path / "no.ndjson"))
    assert nameless.exit_code == 1
    assert (tmp_path / "no.ndjson").read_bytes() == b""
    told = ("--who", "Ana Paz", "--reason", "panel of 2003 cannot be read", "--out", str(out))
    done = _opened(tmp_path, archive, *told)
    assert done.exit_code == 0, done.output
    line = json.loads((tmp_path / "openings.ndjson").read_bytes())
    assert (line["opening"]["who"], line["opening"]["reason"]) == ("Ana Paz", "panel of 2003 cannot be read")
    (record,) = codec.records(Kind.RAW, out.read_bytes().strip())
    assert (record.payload, record.subject) == (sample.raw, subject.stamped(sample).subject)
    assert out.stat().st_mode & 0o077 == 0
    instance = tmp_path / "norte.toml"
    example = subject.kind.text("config.example.toml").partition("[accounts")[0]
    instance.write_text(f'kind = "dc09"\nname = "norte"\n[config]\n{example}', encoding="utf-8")
    again = CliRunner().invoke(connector, ["replay", str(instance), str(out)])
    assert '"change":"decodes_now"' in again.output, again.output


def test_law_9_who_cannot_write_the_opening_down_sees_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: Any, _opening: Any) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr("cior_bus.openings.Openings.note", full)
    archive, out = _archive(tmp_path, b"anything"), tmp_path / "opened.ndjson"
    done = _opened(tmp_path, archive, "--who", "Ana Paz", "--reason", "x", "--out", str(out))
    assert done.exit_code != 0
    assert out.read_bytes() == b""
