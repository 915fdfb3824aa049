"""The bus has keys: Apache Kafka with the security of docker-compose.yml, and parts that have the right keys, others'
keys, or none.

Law 9: what no rule allows is refused. Here by the broker, whatever a part is made to do.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AdminClient,
    NewTopic,
    ResourceType,
)

from cior_bus import topics
from cior_bus.bus_certificates import make_certificates
from cior_bus.consumer import BatchConsumer
from cior_bus.embedded.tansu import free_port
from cior_bus.gathering import BatchLimits
from cior_bus.message import MessageOut
from cior_bus.producer import Bus
from cior_bus.rights import Part, access_list, user_of, users
from cior_bus.self_test import SelfTest, try_rights
from cior_bus.settings import BusSettings
from cior_console.feed_reader import FeedReader
from cior_core.errors import ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.model import Alert
from engines.cache import EngineAbsent
from engines.secured_kafka import SecuredKafka
from integration.bus.secured_centre import FAMILIES, SecuredCentre, ended, until

TRACCAR = "connectors-traccar"
pytestmark = pytest.mark.timeout(300)  # the first of them starts the broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    try:
        made = SecuredKafka(tmp_path_factory.mktemp("secured"))
    except EngineAbsent as missing:
        from conftest import absent

        absent(str(missing))
    with made:
        yield made


@pytest.fixture
def centre(broker: SecuredKafka, tmp_path: Path) -> SecuredCentre:
    """Everything as it should be, whatever the last story took away."""
    made = SecuredCentre(tmp_path, broker)
    made.provision()
    return made


def _message(topic: topics.TopicSpec) -> MessageOut:
    return MessageOut(topic=topic.name, key=b"k", value=b"{}")


def test_law_9_every_part_has_its_rights_and_a_second_provisioning_changes_nothing(
    centre: SecuredCentre,
) -> None:
    for name, user in centre.users.items():
        try_rights(centre.settings(name), user, group=user.rights.group)
    again = centre.provision()
    assert (again.topics, again.granted, again.withdrawn) == ((), 0, 0)
    assert again.users == len(users(FAMILIES))


def test_what_a_part_holds_beyond_its_row_is_taken_away_and_a_family_that_is_gone_loses_its_name(
    centre: SecuredCentre,
) -> None:
    client = AdminClient(centre.broker.admin.client())
    beyond = next(each for each in access_list(centre.users["sink"]) if each.name == topics.RAW.name)
    given = AclBinding(
        beyond.restype, topics.ACTIONS.name, beyond.resource_pattern_type, "User:console-of-before", "*",
        AclOperation.WRITE, beyond.permission_type,
    )  # fmt: skip
    mine = AclBinding(
        beyond.restype, topics.ACTIONS.name, beyond.resource_pattern_type, "User:sink", "*",
        AclOperation.WRITE, beyond.permission_type,
    )  # fmt: skip
    for future in client.create_acls([given, mine]).values():
        future.result(20)
    left = [user for user in centre.users.values() if user.name != TRACCAR]
    told = centre.provision(left)
    assert told.withdrawn == 1 + len(access_list(centre.users[TRACCAR]))
    with pytest.raises(CredentialsRefused, match=r"bus\.name_refused"):
        try_rights(centre.settings(TRACCAR), centre.users[TRACCAR])
    assert centre.provision().granted == len(access_list(centre.users[TRACCAR])), "and it may come back"


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        (TRACCAR, topics.ACTIONS),
        (TRACCAR, topics.ALERTS),
        ("console", topics.RAW),
        ("sink", topics.RAW),
        ("vision", topics.COMMANDS),
        ("streams-bulk", topics.COMMANDS),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_law_9_who_writes_to_a_topic_of_others_is_refused_and_says_so(
    centre: SecuredCentre, name: str, topic: topics.TopicSpec
) -> None:
    with Bus(centre.settings(name, ack_wait_s=20.0)) as bus:
        with pytest.raises(
            CredentialsRefused, match=rf"bus\.topic_refused_us.*{topic.name}.*cior bus provision"
        ):
            bus.publish_sync([_message(topic)])
        assert not bus.is_away, "the broker is there: it said no"


@pytest.mark.parametrize(
    ("name", "topic", "group"),
    [
        ("console", topics.SEALED, "cior-feed-1"),
        (TRACCAR, topics.SEALED, "cior-obeying-traccar.x"),
        (TRACCAR, topics.COMMANDS, "cior-obeying-dc09.x"),
        ("response-team", topics.RAW, "cior-response-1"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_law_9_who_reads_what_is_not_his_or_joins_a_group_of_others_is_refused(
    centre: SecuredCentre, name: str, topic: topics.TopicSpec, group: str
) -> None:
    refused: list[CredentialsRefused] = []
    settings = centre.settings(name, on_refused=refused.append)
    reader = BatchConsumer(
        settings, group=group, topics=[topic.name], limits=BatchLimits(start_patience_s=0.0)
    )
    with pytest.raises((CredentialsRefused, SourceUnavailable)) as told:
        reader.run(lambda _batch: None, stop=threading.Event())
    assert isinstance(told.value, CredentialsRefused) or refused


def test_law_9_no_part_makes_topics_or_rights_and_the_log_of_the_broker_itself_is_closed(
    centre: SecuredCentre,
) -> None:
    client = AdminClient(centre.settings("streams-urgent").client())
    for future in client.create_topics([NewTopic("cior-urgent-mine", 1, 1)]).values():
        with pytest.raises(KafkaException, match="AUTHORIZATION"):
            future.result(20)
    for future in client.create_acls(list(access_list(centre.users["sink"]))).values():
        with pytest.raises(KafkaException, match="CLUSTER_AUTHORIZATION_FAILED"):
            future.result(20)
    seen = set(client.list_topics(timeout=10).topics)
    assert topics.RAW.name not in seen
    assert seen <= {
        spec.name for spec in (*topics.CATALOGUE, *user_of(Part.STREAMS_URGENT).rights.changelogs())
    }


@pytest.mark.parametrize("port", ["admin", "controller"])
def test_the_administrators_and_the_controllers_listeners_want_a_certificate(
    broker: SecuredKafka, port: str
) -> None:
    number = broker.admin_port if port == "admin" else broker.controller_port
    with pytest.raises(OSError, match=r"(?i)certificate|reset|closed|eof"):
        _greeting(number, authority=broker.keys / "ca" / "ca.pem")


def _greeting(port: int, *, authority: Path) -> None:
    """What somebody without a certificate hears there: nothing, and the end."""
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain) as tls,
    ):
        tls.settimeout(10)
        tls.sendall(b"\0\0\0\x10" + bytes(16))
        if not tls.recv(1):
            raise ConnectionResetError("closed")


def test_the_broker_was_formatted_without_any_secret(broker: SecuredKafka) -> None:
    assert not [word for word in broker.format_argv if "scram" in word.lower() or "password" in word.lower()]
    said = (broker.format_said).lower()
    assert "scram" not in said
    assert "private key" not in said


WRONG = {
    "password": "bus.name_refused",
    "authority": "bus.certificate_refused",
    "plain": "bus.broker_wants_tls",
    "listener": "bus.certificate_wanted",
    "none": "bus.key_missing",
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_part_with_the_wrong_key_ends_and_says_which_and_what_to_do(
    centre: SecuredCentre, fault: str, tmp_path: Path
) -> None:
    keys = centre.copy_of_keys(TRACCAR, tmp_path / "keys")
    dsn = ""
    match fault:
        case "password":
            (keys / f"{TRACCAR}.password").chmod(0o600)
            (keys / f"{TRACCAR}.password").write_text("hunter2")
        case "authority":
            make_certificates(tmp_path / "other", broker_hosts=["127.0.0.1"])
            (keys / "ca.pem").chmod(0o600)
            (keys / "ca.pem").write_bytes((tmp_path / "other" / "ca" / "ca.pem").read_bytes())
        case "plain":
            dsn = f"kafka://{centre.broker.bootstrap}?profile=kafka"
        case "listener":
            dsn = centre.broker.admin_dsn
        case _:
            (keys / f"{TRACCAR}.password").unlink()
    assert ended(centre.connector(dsn=dsn, keys=keys)) == 2, centre.log(TRACCAR)
    last = centre.log(TRACCAR).strip().splitlines()[-1]
    assert last.startswith(WRONG[fault]), centre.log(TRACCAR)
    assert " — " in last, "a cure"
    assert "hunter2" not in centre.log(TRACCAR)


WITHOUT = {
    "group": ("bus.group_refused_us", "cior-urgent"),
    "changelog": ("bus.topic_refused_us", "cior-urgent-areas-changelog"),
    "log": ("bus.topic_refused_us", topics.AREA.name),
}


@pytest.mark.parametrize("lack", WITHOUT)
def test_law_3_a_worker_without_one_of_its_rights_ends_instead_of_waiting_or_forgetting(
    centre: SecuredCentre, lack: str
) -> None:
    def is_taken(each: AclBinding) -> bool:
        match lack:
            case "group":
                return bool(each.restype is ResourceType.GROUP)
            case "changelog":
                return bool(each.name == "cior-urgent-" and each.operation is AclOperation.WRITE)
            case _:
                return bool(each.name == topics.AREA.name and each.operation is AclOperation.WRITE)

    centre.withdraw("streams-urgent", is_taken)
    assert ended(centre.worker()) == 2, centre.log("streams-urgent")
    code, named = WITHOUT[lack]
    log = centre.log("streams-urgent")
    assert code in log
    assert named in log
    assert "cior bus provision" in log


def test_a_changelog_that_nobody_made_is_missed_at_the_start(centre: SecuredCentre) -> None:
    name = "cior-bulk-devices-changelog"
    client = AdminClient(centre.broker.admin.client())
    for future in client.delete_topics([name]).values():
        future.result(20)
    bulk = centre.users["streams-bulk"]
    with pytest.raises(ConfigInvalid, match=rf"bus\.topic_missing: {name}.*cior bus provision"):
        try_rights(centre.settings(bulk.name), bulk, group=bulk.rights.group)
    assert centre.provision().topics == (name,)


def test_a_press_goes_to_the_wall_when_each_part_has_its_own_key_and_no_other(centre: SecuredCentre) -> None:
    seen: list[Alert] = []
    feed = FeedReader(centre.settings("console"), lambda alert, _body: seen.append(alert))
    feed.start()
    running = [centre.worker("urgent"), centre.worker("bulk"), centre.connector()]
    try:
        assert until(lambda: centre.press("bus-001") == 202), centre.log(TRACCAR)
        assert until(lambda: any(alert.life_safety for alert in seen)), centre.log("streams-urgent")
        # Each part's log: nothing was refused to anybody on the way.
        logs = {name: centre.log(name) for name in ("streams-urgent", "streams-bulk", TRACCAR)}
        assert not [name for name, log in logs.items() if "refused" in log.lower()], logs
        assert feed.failure is None
    finally:
        feed.stop()
        codes = [ended(process, within_s=0.1) for process in running]
    assert codes == [None, None, None], "they went on until they were told to stop"


def test_a_right_that_is_withdrawn_while_a_part_works_ends_it_and_no_device_is_told_that_it_is_safe(
    centre: SecuredCentre,
) -> None:
    process = centre.connector()
    try:
        assert until(lambda: centre.press("bus-002") == 202), centre.log(TRACCAR)
        centre.withdraw(TRACCAR, lambda each: each.name == topics.URGENT.name)
        answers: list[int] = []

        def is_noticed() -> bool:
            answers.append(centre.press(f"bus-{len(answers)}"))
            return process.poll() is not None

        assert until(is_noticed), centre.log(TRACCAR)
        assert 202 not in answers[1:], "the first may have met the broker before it knew"
    finally:
        code = ended(process, within_s=5.0)
    assert code == 2, centre.log(TRACCAR)
    last = centre.log(TRACCAR).strip().splitlines()[-1]
    assert last.startswith("bus.topic_refused_us"), last
    assert topics.URGENT.name in last


def test_a_broker_that_is_away_refuses_nobody(tmp_path: Path) -> None:
    """A connector must receive while the broker is away: its spool takes what comes, and the test goes on."""
    settings = BusSettings.from_dsn(f"kafkas://127.0.0.1:{free_port()}")
    test = SelfTest(settings, user_of(Part.VISION))
    test.begin(wait_s=0.5)
    assert test.failure is None


def test_who_hears_a_no_once_looks_again_before_it_ends(centre: SecuredCentre) -> None:
    """A handshake that a restarting broker cut off is no reason to leave the devices alone."""
    good = SelfTest(centre.settings("vision"), centre.users["vision"])
    good.begin()
    good.doubt(CredentialsRefused("bus.certificate_refused", "the TLS handshake fails"))
    assert not until(lambda: good.failure is not None, within_s=2.0)
    bad = SelfTest(centre.settings("vision"), centre.users["sink"])
    bad.doubt(CredentialsRefused("bus.certificate_refused", "the TLS handshake fails"))
    assert until(lambda: bad.failure is not None)


def test_error_callbacks_of_every_kind_of_client_lead_to_the_test(
    centre: SecuredCentre, tmp_path: Path
) -> None:
    heard: list[Any] = []
    keys = centre.copy_of_keys("vision", tmp_path / "keys")
    (keys / "vision.password").chmod(0o600)
    (keys / "vision.password").write_text("another")
    wrong = BusSettings.from_dsn(
        centre.broker.dsn,
        on_refused=heard.append,
        credentials=centre.settings("vision").credentials,
    )
    assert wrong.credentials is not None
    client = Producer(wrong.producer() | {"sasl.password": "another"})
    assert until(lambda: client.poll(0.1) is None or bool(heard), within_s=20.0)
    assert {each.code for each in heard} == {"bus.name_refused"}
