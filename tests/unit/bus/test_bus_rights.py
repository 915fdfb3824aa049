"""Who may do what on the broker: one table, and what each room really reads, writes and keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation, ResourcePatternType, ResourceType  # type: ignore[attr-defined]

from cior_bus import rights, topics
from cior_bus.credentials import AUTHORITY, KEYS_FOLDER, read_certificate, read_scram
from cior_bus.metrics import Metrics
from cior_bus.refusals import listener, refusal_of
from cior_bus.rights import RIGHTS, Part, access_list, user_of, users
from cior_bus.settings import BusSettings, Profile
from cior_city import packs
from cior_core.errors import ConfigInvalid, CredentialsRefused
from cior_sink import storing
from cior_streams import app as edge
from cior_streams.guard import Guard
from cior_streams.runner import WallClock
from cior_streams.settings import Role, StreamSettings, faust_options
from cior_streams.wiring import Domain, build
from doubles.bus import MemoryBus

FAMILIES = ("dc09", "dc09_x", "dc09-x", "traccar")


def _who(topic: topics.TopicSpec, *, writes: bool) -> set[Part]:
    return {row.part for row in RIGHTS if topic in (row.writes if writes else row.reads)}


def test_law_9_what_must_not_be_forged_has_one_writer() -> None:
    assert _who(topics.ACTIONS, writes=True) == {Part.CONSOLE}
    assert _who(topics.LEDGER, writes=True) == {Part.CONSOLE}
    assert _who(topics.LEDGER, writes=False) == {Part.SINK}
    assert _who(topics.ALERTS, writes=True) == {Part.STREAMS_URGENT}
    assert _who(topics.TRANSITIONS, writes=True) == {Part.STREAMS_URGENT}
    assert _who(topics.COMMANDS, writes=True) == {Part.STREAMS_URGENT}
    assert _who(topics.AREA, writes=True) == {Part.STREAMS_URGENT, Part.STREAMS_BULK}
    assert _who(topics.RAW, writes=True) == {Part.CONNECTORS, Part.VISION}
    assert _who(topics.RECEIPTS, writes=True) == {Part.CONNECTORS, Part.RECORDER, Part.VISION}


def test_law_9_sealed_boxes_are_read_by_who_stores_them_and_who_may_open_them() -> None:
    assert _who(topics.SEALED, writes=False) == {Part.SINK, Part.RESPONSE_TEAM}
    assert _who(topics.SEALED, writes=True) == {Part.CONNECTORS, Part.VISION}


def test_every_topic_of_the_catalogue_stands_in_the_table() -> None:
    """A new kind of record whose readers and writers nobody thought of is found here, not at a centre."""
    unread = [spec for spec in topics.CATALOGUE if not _who(spec, writes=False)]
    assert unread == [topics.DUTY], "one family of connectors reads who is on duty"
    assert topics.DUTY in user_of(Part.CONNECTORS, family="notify").rights.reads
    assert topics.DUTY not in user_of(Part.CONNECTORS, family="dc09").rights.reads
    unwritten = [spec.name for spec in topics.CATALOGUE if not _who(spec, writes=True)]
    assert unwritten == []


def test_nobody_is_given_more_than_reading_and_writing_by_name() -> None:
    for user in users(FAMILIES):
        for each in access_list(user):
            assert each.operation in {AclOperation.READ, AclOperation.WRITE}
            assert each.principal == f"User:{user.name}"
            assert each.name not in {"", "*"}
            is_prefix = each.resource_pattern_type is ResourcePatternType.PREFIXED
            assert is_prefix == (each.restype is ResourceType.GROUP or each.name == f"{user.rights.group}-")
            assert is_prefix or each.name in topics.BY_NAME


def test_no_family_is_let_into_the_groups_of_another() -> None:
    """Whoever joins a siren's group takes its commands away from it."""
    prefixes = {user.name: user.rights.group for user in users(FAMILIES) if user.rights.group}
    for name, prefix in prefixes.items():
        for other, theirs in prefixes.items():
            assert name == other or not f"{theirs}anything".startswith(prefix), f"{name} reaches {other}"


def test_a_family_is_said_of_connectors_and_of_nobody_else() -> None:
    with pytest.raises(ValueError, match="connectors"):
        user_of(Part.CONNECTORS)
    with pytest.raises(ConfigInvalid, match=r"bus\.family_name"):
        user_of(Part.CONNECTORS, family="dc09.x")
    with pytest.raises(ValueError, match="sink"):
        user_of(Part.SINK, family="dc09")


@pytest.mark.parametrize("role", list(Role))
def test_law_3_the_changelogs_made_beforehand_are_those_that_the_worker_keeps(
    role: Role, tmp_path: Path
) -> None:
    settings = StreamSettings(
        bus=BusSettings(bootstrap="broker:9092", profile=Profile.KAFKA), role=role, state_dir=tmp_path
    )

    async def kept() -> frozenset[str]:
        clock, metrics, bus = WallClock(), Metrics(), MemoryBus()
        domain = Domain.of(packs.rule_pack(), packs.taxonomy())
        guard = Guard(bus, clock=clock, metrics=metrics)
        return edge.changelogs(build(settings, domain, bus, guard=guard, clock=clock, metrics=metrics))

    assert asyncio.run(kept()) == {spec.name for spec in settings.changelogs}
    assert {spec.name for spec in settings.changelogs} == {
        spec.name for spec in settings.user.rights.changelogs()
    }, "provisioning knows them by the table alone"
    assert set(settings.sources) == set(settings.user.rights.reads)
    assert settings.group == settings.user.rights.group
    assert faust_options(settings)["topic_allow_declare"] is False


def test_the_sink_may_read_what_it_reads() -> None:
    read = {spec.name for spec in user_of(Part.SINK).rights.reads}
    assert read == {*storing.ALERTS, *storing.PROMPT, *storing.BULK}


def _keys(folder: Path) -> Path:
    (folder / "ca.pem").write_text("authority")
    (folder / "sink.password").write_text("hunter2\n")
    (folder / "admin.pem").write_text("key and certificate")
    return folder


def test_a_part_shows_its_own_name_and_password_inside_tls(tmp_path: Path) -> None:
    own = read_scram("sink", _keys(tmp_path))
    settings = BusSettings.from_dsn("kafkas://broker:9093", credentials=own)
    for client in (settings.client(), settings.producer(), settings.consumer("group")):
        assert client["security.protocol"] == "sasl_ssl"
        assert (client["sasl.mechanism"], client["sasl.username"]) == ("SCRAM-SHA-512", "sink")
        assert client["sasl.password"] == "hunter2"
        assert client["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert "hunter2" not in repr(settings) + repr(own) + settings.dsn
    assert BusSettings.from_dsn(settings.dsn).secured


def test_without_a_password_it_still_speaks_tls_and_never_in_clear() -> None:
    assert BusSettings.from_dsn("kafkas://broker:9093").client()["security.protocol"] == "ssl"
    with pytest.raises(ConfigInvalid, match=r"bus\.dsn_invalid"):
        BusSettings.from_dsn("kafkas://broker:9093?profile=tansu")


def test_the_administrator_shows_a_certificate_and_no_password(tmp_path: Path) -> None:
    client = BusSettings.from_dsn("kafkas://b:1", credentials=read_certificate(_keys(tmp_path))).client()
    assert client["security.protocol"] == "ssl"
    assert client["ssl.certificate.location"] == client["ssl.key.location"] == str(tmp_path / "admin.pem")
    assert "sasl.password" not in client


def test_the_authority_may_lie_elsewhere_since_it_is_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sink.password").write_text("hunter2")
    with pytest.raises(ConfigInvalid, match=r"ca\.pem"):
        read_scram("sink", tmp_path)
    (tmp_path / "elsewhere.pem").write_text("authority")
    monkeypatch.setenv(AUTHORITY, str(tmp_path / "elsewhere.pem"))
    assert read_scram("sink", tmp_path).authority_file == str(tmp_path / "elsewhere.pem")


@pytest.mark.parametrize("fault", ["absent", "empty", "folder"])
def test_a_key_that_is_not_there_is_named_with_a_cure(fault: str, tmp_path: Path) -> None:
    path = _keys(tmp_path) / "console.password"
    if fault == "empty":
        path.write_text(" \n")
    elif fault == "folder":
        path.mkdir()
    with pytest.raises(ConfigInvalid, match=r"bus\.key_missing: console\.password .*deploy/README") as told:
        read_scram("console", tmp_path)
    assert KEYS_FOLDER in told.value.cure


@pytest.mark.parametrize("code", [-169, -181, 58, 29, 30, 31])
def test_what_the_broker_refuses_for_good_is_told_with_a_cure(code: int) -> None:
    heard: list[CredentialsRefused] = []
    listener(heard.append)(KafkaError(code))
    assert len(heard) == 1
    assert heard[0].code.startswith("bus.")
    assert heard[0].cure


@pytest.mark.parametrize("code", [-195, -187, -185, 3, 7])
def test_what_may_go_better_another_time_ends_nobody(code: int) -> None:
    heard: list[CredentialsRefused] = []
    listener(heard.append)(KafkaError(code))
    listener(None)(KafkaError(-169))
    assert not heard
    assert refusal_of(None) is None


def test_a_row_for_each_part_and_a_name_for_each_user() -> None:
    assert {row.part for row in rights.RIGHTS} == set(Part)
    names = [user.name for user in users(FAMILIES)]
    assert len(names) == len(set(names)) == len(Part) - 1 + len(FAMILIES)
    assert rights.ADMIN not in names, "no password makes anybody the administrator"
