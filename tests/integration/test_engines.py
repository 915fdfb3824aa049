"""The engines do what the other tests rely on: readiness, same address after a kill, what survives."""

from __future__ import annotations

import socket
import subprocess
import urllib.error
from pathlib import Path

import clickhouse_connect
import pkcs11
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from selenium.webdriver import Chrome

from cior_bus.embedded import tansu as embedded
from cior_bus.embedded.tansu import Tansu, TansuSettings
from cior_core.errors import SourceUnavailable
from engines.apache_kafka import ApacheKafka
from engines.clickhouse_lite import READER, WRITER, ClickHouseLite
from engines.softhsm import LABEL, PIN, SoftHsm


def make_topic(bootstrap: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})  # kept: the outcomes die with it
    for outcome in admin.create_topics([NewTopic(name, 1, 1)]).values():
        outcome.result(30)


def topics(bootstrap: str) -> set[str]:
    return set(AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30).topics)


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"read-{topic}", "fetch.wait.max.ms": 20}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [bytes(message.value() or b"") for message in consumer.consume(count, timeout=20)]
    finally:
        consumer.close()


def test_tansu_serves_and_forgets_after_a_kill(tansu: Tansu) -> None:
    make_topic(tansu.bootstrap, "engine-check")
    produce(tansu.bootstrap, "engine-check", [b"a", b"b"])
    assert read(tansu.bootstrap, "engine-check", 2) == [b"a", b"b"]
    before = tansu.bootstrap, tansu.pid
    tansu.kill()
    assert tansu.pid is None
    assert not embedded.answers(tansu.settings.host, tansu.port)
    tansu.start()
    assert tansu.bootstrap == before[0]
    assert tansu.pid != before[1]
    assert topics(tansu.bootstrap) == set()


def test_tansu_says_so_when_its_port_is_taken(tansu: Tansu) -> None:
    second = Tansu(TansuSettings(port=tansu.port, binary=embedded.find_binary()))
    with pytest.raises(SourceUnavailable) as refusal:
        second.start()
    assert refusal.value.code == "tansu-port-taken"
    assert second.pid is None


@pytest.mark.slow
def test_apache_kafka_keeps_records_over_a_kill(apache_kafka: ApacheKafka) -> None:
    make_topic(apache_kafka.bootstrap, "engine-check")
    produce(apache_kafka.bootstrap, "engine-check", [b"a", b"b"])
    before = apache_kafka.bootstrap
    apache_kafka.kill()
    assert apache_kafka.pid is None
    apache_kafka.start()
    assert apache_kafka.bootstrap == before
    assert read(before, "engine-check", 2) == [b"a", b"b"]


def test_clickhouse_lite_has_users_grants_and_limits(clickhouse_lite: ClickHouseLite) -> None:
    admin = clickhouse_connect.get_client(dsn=clickhouse_lite.dsn())
    admin.command("CREATE DATABASE cior")
    admin.command("CREATE TABLE cior.probe (n UInt8) ENGINE = MergeTree ORDER BY n")
    writer = clickhouse_connect.get_client(dsn=clickhouse_lite.dsn(WRITER))
    writer.insert("cior.probe", [[7]], column_names=["n"])
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        writer.command("DROP TABLE cior.probe")
    reader = clickhouse_connect.get_client(dsn=clickhouse_lite.dsn(READER))
    assert reader.query("SELECT n FROM cior.probe", settings={"max_execution_time": 5}).result_rows == [(7,)]
    with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|READONLY"):
        reader.command("INSERT INTO cior.probe VALUES (8)")
    for client in (admin, writer, reader):
        client.close()


def test_clickhouse_lite_keeps_rows_over_a_kill(clickhouse_lite: ClickHouseLite) -> None:
    clickhouse_lite.query("CREATE DATABASE cior")
    clickhouse_lite.query("CREATE TABLE cior.probe (n UInt8) ENGINE = MergeTree ORDER BY n")
    clickhouse_lite.query("INSERT INTO cior.probe VALUES (1), (2)")
    clickhouse_lite.kill()
    clickhouse_lite.start()
    assert clickhouse_lite.query("SELECT sum(n) FROM cior.probe") == "3\n"
    with pytest.raises(urllib.error.HTTPError):
        clickhouse_lite.query("SELECT 1 FROM cior.absent")


def test_browser_runs_a_page(browser: Chrome) -> None:
    browser.get("data:text/html,<title>pared</title><script>document.title += ' ' + (6 * 7)</script>")
    assert browser.title == "pared 42"


def test_a_free_port_is_never_one_that_the_kernel_gives_to_a_client() -> None:
    """A server that comes back must find its port free, however many clients call meanwhile."""
    with socket.socket() as client, socket.create_server((embedded.LOOPBACK, 0)) as server:
        client.connect(server.getsockname())
        outgoing = client.getsockname()[1]
    ports = {embedded.free_port() for _ in range(200)}
    assert len(ports) > 150
    assert max(ports) < outgoing


def test_softhsm_holds_a_key_that_signs_and_stays(softhsm: SoftHsm, tmp_path: Path) -> None:
    made = tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(made)],
        check=True,
        capture_output=True,
    )
    softhsm.bring(made, "sello")
    token = pkcs11.lib(str(softhsm.library)).get_token(token_label=LABEL)
    with token.open(user_pin=PIN) as session:
        key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label="sello")
        assert isinstance(key, pkcs11.SignMixin)
        assert len(key.sign(b"a package", mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS)) == 256
        with pytest.raises(pkcs11.exceptions.PKCS11Error):
            key[pkcs11.Attribute.PRIVATE_EXPONENT]
