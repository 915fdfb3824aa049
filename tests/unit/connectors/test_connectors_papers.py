"""Files and commands: strict configuration with places and cures, the gold gate, conflicts, replay as a diff,
back-off.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import Meta

from cior_connectors import registry
from cior_connectors._runtime import process
from cior_connectors._runtime.backoff import Backoff
from cior_connectors._runtime.limits import TelemetryLimit
from cior_connectors._runtime.resends import Resends
from cior_connectors._runtime.settings import read_centre, read_config, read_instance, read_registry
from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_connectors.cli import connector
from cior_connectors.contract import ConnectorConfig, Secret
from cior_connectors.kit.quality import Claim, QualityFile, Status, Tier, rules
from cior_connectors.kit.subject import Subject
from cior_core import codec
from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.model import DeadLetter, Event, Producer, RawPointer, RawRecord
from cior_core.strict_toml import ConfigFault

INSTANCE = 'kind = "traccar"\nname = "norte"\n\n[config]\nport = {port}\nshared_secret = "{secret}"\n'


class Inner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: Secret | None = None


class Nested(ConnectorConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(description="n")] = "x"
    accounts: dict[str, Inner] = {}  # noqa: RUF012  msgspec copies it
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (
            'kind = "traccar"\nname = "norte"\nsealde = true\n[config]\nshared_secret = "0123456789abcdef"\n',
            "config.unknown_key",
            3,
        ),
        (
            'kind = "traccar"\nname = "norte"\n[config]\nshared_secret = "0123456789abcdef"\nprot = 1\n',
            "config.unknown_key",
            5,
        ),
        (
            'kind = "traccar"\nname = "norte"\n[config]\nport = "x"\nshared_secret = "0123456789abcdef"\n',
            "config.wrong_value",
            4,
        ),
        (
            'kind = "traccar"\nname = "Norte!"\n[config]\nshared_secret = "0123456789abcdef"\n',
            "config.wrong_value",
            2,
        ),
        ('kind = "traccar"\nname = \n', "config.syntax", 2),
    ],
)
def test_every_fault_of_an_instance_file_names_file_line_code_and_cure(
    text: str, code: str, line: int
) -> None:
    with pytest.raises(ConfigFault) as caught:
        read_instance(text, TraccarConfig, file="norte.toml")
    assert (caught.value.file, caught.value.code, caught.value.line) == ("norte.toml", code, line)
    assert caught.value.cure


def test_a_broken_rule_between_fields_is_a_fault_too_and_never_shows_the_secret() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read_instance(INSTANCE.format(port=1, secret="hunter2"), TraccarConfig, file="norte.toml")
    assert "hunter2" not in str(caught.value)


def test_secrets_come_from_the_file_the_environment_or_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s").write_text("from-a-file-0123456\n")
    monkeypatch.setenv("CIOR_T_SECRET", "from-the-environment")
    for written, meant in (
        ("literal-0123456789", "literal-0123456789"),
        ("env:CIOR_T_SECRET", "from-the-environment"),
        (f"file:{tmp_path / 's'}", "from-a-file-0123456"),
    ):
        config = read_instance(INSTANCE.format(port=1, secret=written), TraccarConfig, file="x").config
        assert config.shared_secret.reveal() == meant
        assert meant not in repr(config)
    with pytest.raises(ConfigInvalid, match="secret_missing"):
        read_instance(INSTANCE.format(port=1, secret="env:CIOR_T_ABSENT"), TraccarConfig, file="x")


def test_secrets_are_found_at_any_depth() -> None:
    config: Any = read_config(
        'name = "a"\n[accounts.one]\nkey = "k1"\n[inner]\nkey = "k2"\n', Nested, file="x"
    )
    assert (config.accounts["one"].key.reveal(), config.inner.key.reveal()) == ("k1", "k2")
    assert "k1" not in repr(config)
    with pytest.raises(ConfigFault, match="unknown key 'kye'"):
        read_config('[accounts.one]\nkye = "k1"\n', Nested, file="x")


def test_a_centre_without_usable_keys_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    good, short = b64encode(bytes(32)).decode(), b64encode(b"short").decode()
    path.write_text(f'team_public_key = "{short}"\npseudonym_key = "{good}"\n')
    with pytest.raises(ConfigInvalid):
        read_centre(path)
    path.write_text(f'team_public_key = "{good}"\npseudonym_key = "{short}"\n')
    with pytest.raises(ConfigInvalid, match="pseudonym_key"):
        _ = read_centre(path).hmac_key


def test_a_device_registered_twice_is_refused_and_a_disabled_one_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "devices.toml"
    path.write_text(
        '[[device]]\nid = "a"\nkind = "bus"\n[[device]]\nid = "b"\nkind = "bus"\nenabled = false\n'
    )
    assert list(read_registry(path)) == ["a"]
    path.write_text('[[device]]\nid = "a"\nkind = "bus"\n[[device]]\nid = "a"\nkind = "taxi"\n')
    with pytest.raises(ConfigInvalid, match=r"registry\.id_twice: devices\.toml:5"):
        read_registry(path)


def test_life_safety_below_gold_runs_in_test_mode_only() -> None:
    gold = registry.load("traccar")
    assert gold.quality.tier is Tier.GOLD
    registry.refuse_below_gold(gold, test_mode=False)
    claims = {**gold.quality.rules, "sealed": Claim(status=Status.TODO)}
    lower = msgspec.structs.replace(gold, quality=QualityFile(rules=claims))
    assert lower.quality.tier is Tier.SILVER
    registry.refuse_below_gold(lower, test_mode=True)
    with pytest.raises(ConfigInvalid, match="below_gold") as caught:
        registry.refuse_below_gold(lower, test_mode=False)
    assert "sealed" in caught.value.cure


def test_tiers_are_cumulative_and_exemptions_need_reasons() -> None:
    bronze = {rule.id: Claim(status=Status.DONE) for rule in rules() if rule.tier is Tier.BRONZE}
    assert QualityFile(rules={}).tier is Tier.NONE
    assert QualityFile(rules=bronze).tier is Tier.BRONZE
    assert (
        QualityFile(
            rules={rule.id: Claim(status=Status.DONE) for rule in rules() if rule.tier is not Tier.BRONZE}
        ).tier
        is Tier.NONE
    )
    with pytest.raises(ValueError):
        Claim(status=Status.EXEMPT, reason="no")


def test_two_instances_may_not_share_a_name_or_a_port(tmp_path: Path) -> None:
    plans = []
    for name, port in (("a", 8082), ("b", 8082)):
        path = tmp_path / f"{name}.toml"
        path.write_text(INSTANCE.replace("norte", name).format(port=port, secret="0123456789abcdef"))
        plans.append(process.plan(path, test_mode=False))
    with pytest.raises(ConfigInvalid, match="tcp:8082"):
        process.refuse_conflicts(plans)
    with pytest.raises(ConfigInvalid, match="name:a"):
        process.refuse_conflicts([plans[0], plans[0]])


def test_an_unknown_kind_is_refused_with_a_cure() -> None:
    with pytest.raises(ConfigInvalid, match=r"connector\.unknown"):
        registry.load("zeppelin")


# --- the command ---


def test_check_lints_and_names_what_is_wrong(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(INSTANCE.format(port=8082, secret="0123456789abcdef"))
    bad.write_text(good.read_text() + "prot = 1\n")
    fine = CliRunner().invoke(connector, ["check", "--no-probe", str(good)])
    wrong = CliRunner().invoke(connector, ["check", "--no-probe", str(good), str(bad)])
    assert (fine.exit_code, wrong.exit_code) == (0, 1)
    assert "bad.toml:7: unknown key 'prot'" in wrong.output


def test_list_shows_every_built_in_and_survives_a_broken_one() -> None:
    result = CliRunner().invoke(connector, ["list"])
    assert result.exit_code == 0
    assert any(
        line.startswith("traccar") and "gold" in line and "life-safety" in line
        for line in result.output.splitlines()
    )


def _archive(tmp_path: Path) -> tuple[Path, Path, Path, list[Event]]:
    """An instance file, raw records and events as the topics carry them, of three samples."""
    subject = Subject("cior_connectors.builtin.traccar")
    instance = tmp_path / "norte.toml"
    instance.write_text(INSTANCE.format(port=8082, secret="0123456789abcdef"))
    raws, events = [], []
    for sample in [each for each in subject.samples if each.name in {"sos", "position", "taxi"}]:
        facts = subject.stamped(sample)
        found = subject.decode(sample.raw, facts).events
        pointer = RawPointer(raw_id=facts.raw_id, sha256="0")
        events += [msgspec.structs.replace(event, raw=pointer) for event in found]
        raws.append(
            RawRecord(
                id=facts.raw_id,
                source=facts.source,
                subject="",
                received_ms=facts.received_ms,
                payload=sample.raw,
                sha256="0",
                producer=Producer(connector="traccar", version="0.1.0"),
                events=len(found),
            )
        )
    archive, live = tmp_path / "raw.ndjson", tmp_path / "events.ndjson"
    archive.write_bytes(
        codec.join([codec.encode(each) for each in raws[:2]]) + b"\n" + codec.encode(raws[2]) + b"\n"
    )
    live.write_bytes(b"\n".join(codec.encode(event) for event in events) + b"\n")
    return instance, archive, live, events


def test_replaying_the_archive_changes_nothing_while_the_decoder_is_the_same(tmp_path: Path) -> None:
    instance, archive, live, _ = _archive(tmp_path)
    result = CliRunner().invoke(connector, ["replay", str(instance), str(archive), "--events", str(live)])
    assert result.exit_code == 0, result.output
    assert "3 payloads, 5 events, 0 rejected" in result.output


def test_a_changed_meaning_shows_as_a_diff_without_payloads(tmp_path: Path) -> None:
    instance, archive, live, _ = _archive(tmp_path)
    instance.write_text(instance.read_text() + 'default_press_type = "panic.taxi"\n[config.press_types]\n')
    result = CliRunner().invoke(connector, ["replay", str(instance), str(archive), "--events", str(live)])
    assert result.exit_code == 1
    assert '"change":"altered"' in result.output
    assert '"before":["panic.bus"],"after":["panic.taxi"]' in result.output
    assert "86400000" not in result.output


def test_replaying_dead_letters_shows_which_decode_now(tmp_path: Path) -> None:
    instance, _, _, _ = _archive(tmp_path)
    subject = Subject("cior_connectors.builtin.traccar")
    letters = [
        DeadLetter(
            id=f"d{n}",
            stage="decode",
            code="traccar.json",
            reason="x",
            payload=payload,
            at_ms=1_795_305_600_000,
            source="urn:cior:traccar:norte",
        )
        for n, payload in enumerate(
            [next(each.raw for each in subject.samples if each.name == "sos"), b"still garbage"]
        )
    ]
    dead = tmp_path / "dead.ndjson"
    dead.write_bytes(b"\n".join(codec.encode(letter) for letter in letters) + b"\nnot a line\n")
    result = CliRunner().invoke(
        connector, ["replay", str(instance), str(dead), "--from", "dead", "--code", "traccar.json"]
    )
    assert result.exit_code == 1
    assert result.output.count("decodes_now") == 1
    assert "2 payloads, 2 events, 1 rejected, 0 sealed (not opened), 1 unreadable" in result.output


# --- small machines ---


def test_back_off_grows_with_jitter_and_life_safety_never_waits_long() -> None:
    calm, urgent = Backoff(life_safety=False), Backoff(life_safety=True)
    away = SourceUnavailable("x", "away")
    waits = [calm.after(away, at_s=n) for n in range(20)]
    assert waits[0] <= 0.25 < waits[6] <= waits[-1] * 2 <= 120
    assert max(urgent.after(away, at_s=n) for n in range(50)) <= 10
    assert (
        urgent.after(ConfigInvalid("x", "y"), at_s=0)
        == urgent.after(CredentialsRefused("x", "y"), at_s=0)
        == 10
    )
    assert urgent.after(SourceUnavailable("x", "y", retry_after_s=3), at_s=0) == 3
    assert urgent.after(SourceUnavailable("x", "y", retry_after_s=3_000), at_s=0) == 10


def test_five_bugs_in_sixty_seconds_are_a_loop_and_spread_out_they_are_not() -> None:
    fast, slow = Backoff(life_safety=False), Backoff(life_safety=False)
    for n in range(5):
        fast.after(RuntimeError(), at_s=n)
        slow.after(RuntimeError(), at_s=n * 20)
    assert fast.is_looping(at_s=5)
    assert not slow.is_looping(at_s=85)


def test_a_resend_is_labelled_with_its_first_within_the_window_only() -> None:
    resends = Resends(window_s=600)
    assert resends.first_received_ms("s", b"x", received_ms=1_000) == 1_000
    assert resends.first_received_ms("s", b"x", received_ms=500_000) == 1_000
    assert resends.first_received_ms("other", b"x", received_ms=500_000) == 500_000
    assert resends.first_received_ms("s", b"x", received_ms=601_001) == 601_001


def test_the_telemetry_limit_recovers_with_time_and_counts_each_device_alone() -> None:
    subject = Subject("cior_connectors.builtin.traccar")
    position = next(
        event for each in subject.samples if each.name == "position" for event in subject.events(each)
    )
    limit = TelemetryLimit(rate_per_s=0.1, burst_s=10)
    assert [len(limit.keep([position], now_ms=0)) for _ in range(3)] == [1, 0, 0]
    assert len(limit.keep([position], now_ms=10_000)) == 1
    assert len(limit.keep([msgspec.structs.replace(position, subject="other")], now_ms=10_000)) == 1


def test_a_clock_of_ours_that_was_set_back_labels_no_copy_with_an_instant_still_to_come() -> None:
    resends = Resends(window_s=600)
    assert resends.first_received_ms("s", b"x", received_ms=3_600_000) == 3_600_000
    assert resends.first_received_ms("s", b"x", received_ms=3_500_000) == 3_500_000
    assert resends.first_received_ms("s", b"x", received_ms=3_600_000) == 3_500_000, (
        "the label stays the earlier"
    )
