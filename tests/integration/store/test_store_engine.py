"""The engine wrapper on real engines: its guards, and the chDB defect it guards against."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from cior_core.errors import (
    AccessDenied,
    ConfigInvalid,
    CredentialsRefused,
    PayloadRejected,
    SourceUnavailable,
)
from cior_store.engine import Store
from engines.clickhouse_lite import ClickHouseLite

MID_RESULT_FAILURE = (
    "SELECT number, throwIf(number = 300000) AS boom FROM numbers(1000000) SETTINGS max_block_size = 65536"
)


def _python(
    code: str, *arguments: str, cwd: Path | None = None, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=cwd,
    )


def test_a_failed_question_leaves_nothing_in_the_next_answer(engine: Store) -> None:
    for _ in range(3):
        with pytest.raises((PayloadRejected, SourceUnavailable)):
            engine.rows(MID_RESULT_FAILURE)
        assert engine.rows("SELECT 7 AS n") == [{"n": 7}]
        with pytest.raises((PayloadRejected, SourceUnavailable)):
            engine.rows(MID_RESULT_FAILURE)
        assert engine.blobs("SELECT 'abc' AS x") == [(b"abc",)]


@pytest.mark.xfail(
    strict=True,
    reason=(
        "chDB 26.9 starts the next result with a failed query's bytes; "
        "when this passes upstream fixed it: drop Store._cleanse"
    ),
)
def test_upstream_no_longer_leaks_a_failed_querys_bytes(tmp_path: Path) -> None:
    code = """
        import sys, clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError
        client = clickhouse_connect.get_client(dsn="chdb://" + sys.argv[1])
        try:
            client.query(sys.argv[2])
        except ClickHouseError:
            pass
        try:
            print("ANSWER", client.query("SELECT 7 AS n").result_rows)
        except Exception as error:
            print("LEAKED", type(error).__name__)
        """
    ran = _python(code, str(tmp_path / "x"), MID_RESULT_FAILURE)
    assert "ANSWER [(7,)]" in ran.stdout, ran.stdout + ran.stderr[-300:]


def test_every_thread_has_its_own_client(engine: Store) -> None:
    wrong: list[object] = []

    def ask(number: int) -> None:
        try:
            answers = {engine.value(f"SELECT sum(number) + {number} FROM numbers(1000)") for _ in range(30)}
            wrong.extend(answers - {499500 + number})
        except Exception as error:  # noqa: BLE001  a thread's failure must reach the assertion
            wrong.append(error)
        finally:
            engine.release()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_readonly_is_refused_in_process_because_it_cannot_be_taken_back(engine: Store) -> None:
    if engine.dsn.embedded:
        with pytest.raises(ConfigInvalid, match=r"store\.readonly"):
            engine.rows("SELECT 1", settings={"readonly": 1})
    engine.command("CREATE TABLE IF NOT EXISTS ops.still_writable (n UInt8) ENGINE = Memory")
    engine.command("DROP TABLE ops.still_writable")


def test_a_second_process_is_told_who_owns_an_embedded_store(tmp_path: Path) -> None:
    code = """
        import subprocess, sys
        from cior_store.engine import Store
        from cior_core.errors import ConfigInvalid
        if len(sys.argv) > 2:
            try:
                Store.open("chdb://" + sys.argv[1])
                print("OPENED TWICE")
            except ConfigInvalid as error:
                print("REFUSED", error.code, "|", error.cure)
        else:
            with Store.open("chdb://" + sys.argv[1]):
                second = [sys.executable, "-c", SOURCE, sys.argv[1], "second"]
                ran = subprocess.run(second, capture_output=True, text=True)
                print(ran.stdout, ran.stderr[-500:])
        """
    code = (
        f"SOURCE = {textwrap.dedent(code)!r}\n"
        "exec(compile('SOURCE=' + repr(SOURCE) + chr(10) + SOURCE, 'x', 'exec'))"
    )
    ran = _python(code, str(tmp_path / "owned"))
    assert "REFUSED store.owned_elsewhere" in ran.stdout, ran.stdout + ran.stderr[-800:]
    assert "one owner process" in ran.stdout


def test_a_forked_child_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    code = """
        import os, sys
        from cior_store.engine import Store
        from cior_core.errors import ConfigInvalid
        store = Store.open("chdb://" + sys.argv[1])
        child = os.fork()
        if child == 0:
            try:
                store.value("SELECT 1")
                os._exit(1)
            except ConfigInvalid as error:
                os._exit(42 if error.code == "store.forked" else 2)
        print("CHILD", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print("PARENT", store.value("SELECT 1"))
        store.close()
        """
    ran = _python(code, str(tmp_path / "forked"))
    assert "CHILD 42" in ran.stdout, ran.stdout + ran.stderr[-800:]
    assert "PARENT 1" in ran.stdout


def test_a_stray_config_in_the_working_folder_does_not_govern_the_embedded_store(tmp_path: Path) -> None:
    (tmp_path / "users.xml").write_text(
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas>"
        "<users><default><no_password/><networks><ip>::/0</ip></networks>"
        "<profile>default</profile><quota>default</quota>"
        "<grants><query>GRANT SELECT ON system.*</query></grants></default></users></clickhouse>"
    )
    (tmp_path / "config.xml").write_text(
        f"<clickhouse><users_config>{tmp_path / 'users.xml'}</users_config></clickhouse>"
    )
    code = """
        import sys
        from cior_store.engine import Store
        with Store.open("chdb://" + sys.argv[1]) as store:
            store.command("CREATE DATABASE mine")
            print("CREATED", store.value("SELECT count() FROM system.databases WHERE name = 'mine'"))
        """
    ran = _python(code, str(tmp_path / "data"), cwd=tmp_path)
    assert "CREATED 1" in ran.stdout, ran.stderr[-800:]


def test_errors_come_out_by_what_to_do_next(engine: Store) -> None:
    with pytest.raises(ConfigInvalid, match=r"store\.schema"):
        engine.rows("SELECT * FROM ops.no_such_table")
    with pytest.raises(ConfigInvalid, match=r"store\.schema"):
        engine.insert("ops.actions", ("no_such_column",), [["x"]], token="t")


def test_an_error_never_quotes_rows(engine: Store) -> None:
    with pytest.raises(Exception, match="engine error") as caught:
        engine.rows("SELECT toUInt8('doña Rosa, Mitre 1234')")
    assert "Rosa" not in str(caught.value)


def test_wrong_password_and_absent_server_are_told_apart(lite: ClickHouseLite) -> None:
    lite.start()
    with pytest.raises(CredentialsRefused):
        Store.open(f"clickhouse://cior_sink:wrong@{lite.host}:{lite.http_port}")
    with pytest.raises(SourceUnavailable):
        Store.open(f"clickhouse://cior_sink:wrong@{lite.host}:1")


def test_a_reader_that_writes_is_denied(lite: ClickHouseLite) -> None:
    lite.start()
    with Store.open(lite.dsn("cior_console")) as reader, pytest.raises(AccessDenied):
        reader.command("CREATE DATABASE nope")


@pytest.mark.parametrize("dsn", ["mysql://x", "clickhouse://", "chdb://", "chdb:///x?mode=ro"])
def test_a_bad_address_names_its_cure(dsn: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"store\.dsn") as caught:
        Store.open(dsn)
    assert caught.value.cure


def test_no_password_is_ever_shown() -> None:
    from cior_store.engine import Dsn

    dsn = Dsn.parse("clickhouse://ana:s3cret%21@db.example:9999/x")
    assert dsn.password == "s3cret!"
    assert "s3cret" not in repr(dsn) + dsn.shown + str(dsn)
