"""Which doors of the server stand open to its users: every deployed user, on every way out of the store that the
engine has. A function that a newer engine brings is an unknown door until it is named here.
"""

from __future__ import annotations

import re

import pytest

from cior_core.catalogue import Kind
from cior_core.model import DataClass
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.writers import Writers
from engines.clickhouse_lite import DEPLOYED_USERS, ClickHouseLite
from integration.store import city
from integration.store.engines_here import empty
from integration.store.test_store_audiences import DENIED, READONLY, code

USERS = tuple(
    re.findall(r'<(\w+)>\s*<password_sha256_hex from_env="', DEPLOYED_USERS.read_text(encoding="utf-8"))
)
MAY_READ_BOXES = {"cior_response_team", "cior_migrator", "cior_backup"}
"""The migrator moves boxes, a backup copies them closed; whoever is none of these reads no byte of one."""
CARRY_BOXES = ("cior_opening", "cior_evidence")
"""A box, and neither its facts nor what could not be read: to open an alert, and to lay them out for a request."""
_LAKE = "('http://127.0.0.1:1/bucket/key', 'a', 'b')"
_FILE = "('/etc/passwd', 'CSV', 'a String')"
_BASE = "('127.0.0.1:1', 'd', 't', 'u', 'p')"
_BLOB = "('http://127.0.0.1:1/', 'c', 'b', 'a', 'a2V5', 'CSV', 'auto', 'a String')"
_HDFS = "('hdfs://127.0.0.1:1/x', 'CSV', 'a String')"
OUT = {
    "azureBlobStorage": _BLOB,
    "executable": "('x', 'CSV', 'a String')",
    "file": _FILE,
    "filesystem": "('/')",
    "hdfs": _HDFS,
    "jdbc": "('x', 'd', 't')",
    "mongodb": "('127.0.0.1:1', 'd', 'c', 'u', 'p', 'a String')",
    "mysql": _BASE,
    "odbc": "('DSN=x', 'd', 't')",
    "postgresql": _BASE,
    "redis": "('127.0.0.1:1', 'k', 'k String')",
    "remote": "('127.0.0.1', 'system', 'one')",
    "remoteSecure": "('127.0.0.1', 'system', 'one')",
    "sqlite": "('/etc/x.db', 't')",
    "url": "('http://127.0.0.1:1/', 'CSV', 'a String')",
    "ytsaurus": "('http://127.0.0.1:1', '//t', 'token', 'a String')",
} | {
    name: form
    for form, names in {
        _LAKE: "cosn deltaLake deltaLakeS3 gcs hudi iceberg icebergS3 oss paimon paimonS3 s3",
        _FILE: "deltaLakeLocal icebergLocal paimonLocal",
        _BLOB: "deltaLakeAzure icebergAzure paimonAzure",
        _HDFS: "icebergHDFS paimonHDFS",
    }.items()
    for name in names.split()
}
"""Table functions that reach a file, a program or another machine, each as it is well called."""
INSIDE = {
    "SQLStandardValues", "cluster", "clusterAllReplicas", "dictionary", "eval", "format", "fuzzJSON", "fuzzQuery",
    "generateRandom", "generateSeries", "generate_series", "input", "loop", "merge", "mergeTreeAnalyzeIndexes",
    "mergeTreeAnalyzeIndexesUUID", "mergeTreeIndex", "mergeTreeProjection", "mergeTreeTextIndex", "null", "numbers",
    "numbers_mt", "primes", "prometheusQuery", "prometheusQueryRange", "timeSeriesData", "timeSeriesMetrics",
    "timeSeriesSamples", "timeSeriesSelector", "timeSeriesTags", "values", "view", "viewExplain", "viewIfPermitted",
    "zeros", "zeros_mt",
}  # fmt: skip
"""Those that stay within the store, under the rights of who asks; ``…Cluster`` needs a cluster, and there is none."""
NO_CLUSTER = 701
NOBODY_PUT_IT_THERE = 1
"""The one program that an ``executable`` may run is one that the server's administrator laid into its own folder."""
SECRETS = (
    "users", "roles", "grants", "role_grants", "quotas", "quota_limits", "quotas_usage", "settings_profiles",
    "user_directories", "processes", "user_processes", "query_log", "query_thread_log", "query_views_log",
    "session_log", "text_log", "crash_log", "server_settings", "named_collections", "zookeeper",
)  # fmt: skip
"""What the engine knows of its users, of their questions and of its own machine."""
ABSENT = 60
ENGINES_OUT = (
    "URL('http://127.0.0.1:1/', 'CSV')", "File(CSV)", "File(CSV, '/etc/passwd')", "Executable('x', 'CSV')",
    "MySQL('127.0.0.1:1', 'd', 't', 'u', 'p')", "PostgreSQL('127.0.0.1:1', 'd', 't', 'u', 'p')",
    "MongoDB('127.0.0.1:1', 'd', 'c', 'u', 'p')", "Redis('127.0.0.1:1') PRIMARY KEY k", "SQLite('/etc/x', 't')",
    "Kafka('127.0.0.1:1', 't', 'g', 'CSV')", "S3('http://127.0.0.1:1/bucket/key', 'CSV')",
)  # fmt: skip
"""Tables that are doors: each as it would be made."""


@pytest.fixture(scope="module")
def centre(lite: ClickHouseLite) -> ClickHouseLite:
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        empty(admin)
        box = city.raw(1, payload=b"a sealed box", sealed=True, data_class=DataClass.SEALED)
        assert Writers(admin).write(Kind.SEALED, city.entries([box]), token="box") == ()
    return lite


def test_every_door_of_the_engine_is_known(centre: ClickHouseLite) -> None:
    there = set(centre.query("SELECT name FROM system.table_functions FORMAT TSV").split())
    single = {
        name for name in there if not (name.endswith("Cluster") and name.removesuffix("Cluster") in there)
    }
    assert single == set(OUT) | INSIDE
    assert len(USERS) >= 8


@pytest.mark.parametrize("user", USERS)
def test_no_user_reaches_a_file_a_program_or_another_machine(centre: ClickHouseLite, user: str) -> None:
    answers = {name: code(centre, user, f"SELECT * FROM {name}{form} LIMIT 1") for name, form in OUT.items()}
    refused = {DENIED, READONLY}
    assert answers.pop("executable") in ({NOBODY_PUT_IT_THERE} if user == "cior_migrator" else refused)
    assert {name: answer for name, answer in answers.items() if answer not in refused} == {}
    for form in (
        "cluster('x', system.one)",
        "clusterAllReplicas('x', system.one)",
        "urlCluster('x', 'http://127.0.0.1:1/', 'CSV', 'a String')",
        "s3Cluster('x', 'http://127.0.0.1:1/bucket/key', 'CSV', 'a String')",
        "fileCluster('x', '/etc/passwd', 'CSV', 'a String')",
    ):
        assert code(centre, user, f"SELECT * FROM {form}") in refused | {NO_CLUSTER}, form
    for form in ("file('/tmp/x', 'CSV', 'a String')", "url('http://127.0.0.1:1/', 'CSV', 'a String')"):
        assert code(centre, user, f"INSERT INTO FUNCTION {form} SELECT 'a'") in refused, form


@pytest.mark.parametrize("user", USERS)
def test_no_user_makes_a_table_that_is_a_door(centre: ClickHouseLite, user: str) -> None:
    """Who migrates makes tables; theirs stay within the store."""
    for database in ("cior", "ops", "sealed"):
        for engine in ENGINES_OUT:
            made = f"CREATE TABLE {database}.door (k String) ENGINE = {engine}"
            assert code(centre, user, made) in {DENIED, READONLY}, engine
        for source in (
            "HTTP(URL 'http://127.0.0.1:1/' FORMAT 'CSV')",
            "EXECUTABLE(COMMAND 'id' FORMAT 'CSV')",
        ):
            made = (
                f"CREATE DICTIONARY {database}.door (k UInt64, v String) PRIMARY KEY k SOURCE({source}) "
                "LAYOUT(FLAT()) LIFETIME(0)"
            )
            assert code(centre, user, made) in {DENIED, READONLY}, source


@pytest.mark.parametrize("user", USERS)
def test_no_user_reads_what_the_engine_knows_of_others(centre: ClickHouseLite, user: str) -> None:
    answers = {name: code(centre, user, f"SELECT * FROM system.{name} LIMIT 1") for name in SECRETS}
    assert {name: answer for name, answer in answers.items() if answer not in {DENIED, ABSENT}} == {}
    always = ("users", "processes", "grants")  # the logs' tables are made when there is something to write
    assert {answers[name] for name in always} == {DENIED}


@pytest.mark.parametrize("user", USERS)
def test_law_9_a_sealed_box_is_read_by_the_team_only(centre: ClickHouseLite, user: str) -> None:
    for column, table in (
        ("payload", "sealed.raw"),
        ("facts", "sealed.raw"),
        ("payload", "sealed.dead_payloads"),
    ):
        answer = code(centre, user, f"SELECT {column} FROM {table}")
        is_box = user in CARRY_BOXES and (column, table) == ("payload", "sealed.raw")
        assert answer == (0 if user in MAY_READ_BOXES or is_box else DENIED), (column, table)
