"""The kit can fail: a scaffolded connector passes, and each deliberate sabotage of it is caught by the check that is
there for it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from cior_connectors.cli import connector
from cior_connectors.kit.checks_decode import DECODE_LIMIT_S
from cior_connectors.kit.quality import rules
from cior_connectors.kit.subject import Subject
from cior_connectors.kit.suite import BY_NAME, CHECKS, false_claims, passes

# A few checks never apply to a line connector, or test the runtime only; everything else must be seen to fail here.
NOT_SABOTAGED = {
    "manifest_valid", "ack_after_durable", "refused_when_full", "reconnects", "bounded_memory", "stops_in_time",
    "log_once", "metrics_emitted", "registered_gate", "replay_equals_live",
}  # fmt: skip


class Sabotage(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]


KIND = '    kind = "{name}"\n'
KEY = "key=press_key(press.device, facts.raw_id, sequence=press.sequence, when=when)"
# As long on a quick machine as on a slow one: a fixed piece of work takes less than the limit on some.
BUSY = f"""\
        cpu_s = __import__("time").thread_time
        until_s = cpu_s() + {1.5 * DECODE_LIMIT_S}
        while cpu_s() < until_s:
            pass
"""
NOWHERE = "    if lat is None or lon is None or not (abs(lat) <= 90 and abs(lon) <= 180):\n        return UNKNOWN_PLACE"


def verb(text: str) -> str:
    """A verb that the author wrote himself instead of the ready one."""
    return KIND + "\n" + dedent(text).strip("\n").replace("\n", "\n    ").join(("    ", "\n"))


SABOTAGES = (
    Sabotage(
        "answers_early",
        "source.py",
        KIND,
        verb("""
            async def receive(self):
                from cior_connectors.contract import Accepted
                async for received in super().receive():
                    await received.ack(Accepted(events=1))
                    yield received
        """),
        ("live_reply_after_durable", "live_refusal"),
    ),
    Sabotage(
        "answers_yes_to_refusals",
        "source.py",
        KIND,
        verb("""
            def answer(self, outcome):
                return b"OK\\n"
        """),
        ("live_refusal",),
    ),
    Sabotage(
        "raises_on_garbage",
        "decode.py",
        "except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:",
        "except RecursionError as error:",
        ("truncation_total", "random_total"),
    ),
    Sabotage(
        "hangs_on_garbage",
        "decode.py",
        "        raise PayloadRejected(",
        f"{BUSY}        raise PayloadRejected(",
        ("truncation_total",),
    ),
    Sabotage(
        "takes_anything",
        "decode.py",
        "press = msgspec.json.decode(raw, type=Press)",
        "press = Press(device='x', sequence=1, at_s=1795305590)",
        ("undecodable_kept",),
    ),
    Sabotage(
        "invents_ids",
        "decode.py",
        KEY,
        "key=__import__('uuid').uuid4().hex",
        ("deterministic", "resent_same_id", "golden", "crash_redelivers"),
    ),
    Sabotage("forgets_the_sequence", "decode.py", KEY, "key=press.device", ("second_press_other_id",)),
    Sabotage(
        "reads_the_clock",
        "decode.py",
        "clock.judge(device_ms, facts.received_ms,",
        "clock.judge(device_ms, __import__('time').time_ns() // 1_000_000,",
        ("pure",),
    ),
    Sabotage(
        "imports_the_clock", "decode.py", "import msgspec\n", "import time\n\nimport msgspec\n", ("pure",)
    ),
    Sabotage(
        "remembers_and_drops_repeats",
        "decode.py",
        "    config = cast(",
        "    if raw in _SEEN:\n        return Decoded()\n    _SEEN.add(raw)\n    config = cast(",
        ("deterministic", "no_filter"),
    ),
    Sabotage(
        "drops_presses_without_place",
        "decode.py",
        "Decoded(events=(event,),",
        "Decoded(events=(event,) if event.place.located else (),",
        ("alarm_without_position", "golden"),
    ),
    Sabotage(
        "puts_them_in_the_gulf",
        "decode.py",
        NOWHERE,
        NOWHERE.replace("UNKNOWN_PLACE", "Place(method=PlaceMethod.GPS, lat=0.0, lon=0.0)"),
        ("plausible", "alarm_without_position"),
    ),
    Sabotage(
        "denies_life_safety",
        "decode.py",
        "        place=place(",
        "        life_safety=False,\n        place=place(",
        ("plausible",),
    ),
    Sabotage(
        "logs_payloads",
        "decode.py",
        "    config = cast(",
        "    __import__('structlog').get_logger().info('got', raw=raw)\n    config = cast(",
        ("sealed_canary",),
    ),
    Sabotage(
        "strips_the_line_end",
        "source.py",
        KIND,
        verb("""
            async def receive(self):
                from msgspec.structs import replace
                async for received in super().receive():
                    yield replace(received, payload=received.payload.strip())
        """),
        ("live_bytes_exact",),
    ),
    Sabotage(
        "will_not_be_cancelled",
        "source.py",
        KIND,
        verb("""
            async def receive(self):
                import asyncio
                try:
                    async for received in super().receive():
                        yield received
                except asyncio.CancelledError:
                    await asyncio.sleep(2.5)
                    raise
        """),
        ("open_close",),
    ),
    Sabotage(
        "cannot_close_unopened",
        "source.py",
        KIND,
        verb("""
            async def close(self):
                assert self._server is not None
                await super().close()
        """),
        ("open_close",),
    ),
    Sabotage(
        "probe_says_no",
        "source.py",
        KIND,
        verb("""
            async def probe(self):
                from cior_connectors.contract import ProbeReport
                return ProbeReport(ok=False, detail="the port is taken")
        """),
        ("probe_tells",),
    ),
    Sabotage(
        "accepts_unknown_keys",
        "config.py",
        "forbid_unknown_fields=True",
        "forbid_unknown_fields=False",
        ("unknown_key_refused",),
    ),
    Sabotage(
        "accepts_any_port",
        "config.py",
        "    press_type:",
        "    port: int = 9100\n    press_type:",
        ("config_examples",),
    ),
    Sabotage(
        "secret_as_text",
        "config.py",
        "    press_type:",
        "    api_token: str = 'hunter2hunter2'\n    press_type:",
        ("secrets_hidden",),
    ),
    Sabotage(
        "promises_history",
        "manifest.toml",
        "acknowledges = true",
        "acknowledges = true\nreplays = true",
        ("capabilities",),
    ),
    Sabotage("stale_readme", "config.py", "Event type of a press.", "The type.", ("readme_fresh",)),
    Sabotage(
        "no_provenance",
        "samples/press/provenance.toml",
        "template of the connector kit: replace with captured bytes",
        "?",
        ("samples_have_provenance",),
    ),
    Sabotage(
        "claims_without_proof",
        "quality.toml",
        '[rules.owner]\nstatus = "todo"',
        '[rules.owner]\nstatus = "done"',
        ("quality_file",),
    ),
)


@pytest.fixture
def scaffold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Path]:
    """A fresh connector, importable under a name of its own."""
    name = f"toy_{request.node.name.split('[')[-1].rstrip(']').lower()[:30]}".replace("-", "_")
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path / name))
    result = CliRunner().invoke(connector, ["new", name, "--into", str(tmp_path)])
    assert result.exit_code == 0, result.output
    _forget(name)
    yield tmp_path / name / name
    for module in set(sys.modules) - before:
        if module.startswith(name):
            del sys.modules[module]


def _forget(name: str) -> None:
    for module in [each for each in sys.modules if each == name or each.startswith(name + ".")]:
        del sys.modules[module]
    importlib.invalidate_caches()


def _subject(folder: Path) -> Subject:
    _forget(folder.name)
    for cached in folder.rglob("__pycache__/*.pyc"):
        cached.unlink()
    return Subject(folder.name)


async def test_a_new_connector_passes_every_check_as_it_is(scaffold: Path) -> None:
    subject = _subject(scaffold)
    assert [check.name for check in CHECKS if not await passes(check.name, subject)] == []
    assert await false_claims(subject) == []


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.name)
async def test_sabotage_is_caught(scaffold: Path, sabotage: Sabotage) -> None:
    path = scaffold / sabotage.file
    old = sabotage.old.replace("{name}", scaffold.name)
    text = path.read_text()
    assert old in text, "the sabotage no longer fits the template"
    if sabotage.name == "remembers_and_drops_repeats":
        text = text.replace("def decode(", "_SEEN: set[bytes] = set()\n\n\ndef decode(", 1)
    path.write_text(text.replace(old, sabotage.new.replace("{name}", scaffold.name)))
    subject = _subject(scaffold)
    for check in sabotage.caught_by:
        if check in BY_NAME:
            assert not await passes(check, subject), f"{check} did not notice"


async def test_a_code_made_of_payload_never_becomes_a_label(scaffold: Path) -> None:
    """The guard replaces it, so the sealed channel and the metrics stay clean whatever an author raises."""
    path = scaffold / "decode.py"
    path.write_text(
        path.read_text().replace(
            f'raise PayloadRejected("{scaffold.name}.message"', "raise PayloadRejected(raw.decode('latin-1')"
        )
    )
    subject = _subject(scaffold)
    decoded = subject.decode(b"Maria Gomez, Corrientes 123", subject.stamped(subject.samples[0]))
    assert decoded.code == "payload.rejected"


async def test_a_quality_file_that_claims_what_fails_is_refused(scaffold: Path) -> None:
    path = scaffold / "decode.py"
    path.write_text(path.read_text().replace("import msgspec\n", "import time\n\nimport msgspec\n"))
    assert "decode-pure" in await false_claims(_subject(scaffold))


def test_every_check_is_seen_to_fail_by_some_sabotage_or_tests_the_runtime_itself() -> None:
    caught = {name for sabotage in SABOTAGES for name in sabotage.caught_by}
    assert {check.name for check in CHECKS} - caught == NOT_SABOTAGED


def test_the_kit_has_at_least_twenty_four_checks_and_two_thirds_of_the_rules_are_checked_by_machine() -> None:
    assert len(CHECKS) >= 24
    assert all(check.sentence for check in CHECKS)
    checked = [rule for rule in rules() if rule.check]
    assert {rule.check for rule in checked} <= set(BY_NAME)
    assert len(checked) / len(rules()) >= 2 / 3
