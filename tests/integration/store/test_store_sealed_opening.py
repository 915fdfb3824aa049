"""Sealed openings on a server: a user of their own, its password in a file, closed boxes by id and nothing else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cior_bus.centre import load
from cior_core.catalogue import Kind
from cior_core.errors import AccessDenied, ConfigInvalid, SourceUnavailable
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.opening_store import OpeningStore, opening_store
from cior_store.writers import Writers
from engines.clickhouse_lite import ClickHouseLite
from integration.store import city
from integration.store.engines_here import empty

USER = "cior_opening"
CENTRE = '[centre]\nname = "Ensayo"\n[console.sealed]\ndsn = "{dsn}"\nsecret_file = "opening.password"\n'


@pytest.fixture
def centre(lite: ClickHouseLite) -> ClickHouseLite:
    with Store.open(lite.start().dsn()) as admin:
        migrate(admin)
        empty(admin)
    with Store.open(lite.dsn("cior_sink")) as store:
        boxes = [city.raw(n, payload=b"closed %d" % n, sealed=True) for n in (1, 2)]
        Writers(store).write(Kind.SEALED, city.entries(boxes), token="s")
    return lite


@pytest.fixture
def opening(centre: ClickHouseLite, tmp_path: Path) -> OpeningStore:
    """As a centre file names it."""
    parts = urlsplit(centre.dsn(USER))
    dsn = f"{parts.scheme}://{USER}@{parts.hostname}:{parts.port}"
    (tmp_path / "centre.toml").write_text(CENTRE.format(dsn=dsn), encoding="utf-8")
    (tmp_path / "opening.password").write_text(centre.password(USER) + "\n", encoding="utf-8")
    made = opening_store(load(tmp_path / "centre.toml"))
    assert made is not None
    return made


def test_the_boxes_come_closed_in_the_order_that_was_asked(opening: OpeningStore) -> None:
    found = opening.sealed_raws(["raw-2", "raw-9", "raw-1"])
    assert [row.payload if row is not None else None for row in found] == [b"closed 2", None, b"closed 1"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT chain_seq FROM sealed.raw", "SELECT * FROM sealed.dead_payloads", "SELECT raw_id FROM ops.raw",
        "SELECT * FROM ops.alert_current", "SELECT * FROM console.v_units", "SELECT * FROM ledger.evidence_ledger",
        "INSERT INTO sealed.raw (raw_id) VALUES ('x')", "TRUNCATE TABLE sealed.raw", "SELECT * FROM system.users",
    ],
)  # fmt: skip
def test_law_9_that_user_reads_nothing_else_and_writes_nothing(centre: ClickHouseLite, sql: str) -> None:
    with Store.open(centre.dsn(USER)) as store, pytest.raises(AccessDenied):
        store.command(sql)


@pytest.mark.parametrize("secret", ["of another user", "", None])
def test_a_wrong_password_says_what_to_do_and_is_taken_once_it_is_right(
    opening: OpeningStore, centre: ClickHouseLite, tmp_path: Path, secret: str | None
) -> None:
    file = tmp_path / "opening.password"
    if secret is None:
        file.unlink()
    else:
        file.write_text(secret, encoding="utf-8")
    with pytest.raises(SourceUnavailable) as caught:
        opening.sealed_raws(["raw-1"])
    assert caught.value.code == "sealed.store_refused"
    assert caught.value.cure
    assert centre.password(USER) not in str(caught.value)
    file.write_text(centre.password(USER), encoding="utf-8")
    assert len(opening.sealed_raws(["raw-1"])) == 1, "without a restart"


@pytest.mark.parametrize("dsn", ["clickhouse://127.0.0.1:8123", "clickhouse://u:secret@127.0.0.1:8123"])
def test_a_centre_file_names_the_user_and_never_its_password(tmp_path: Path, dsn: str) -> None:
    (tmp_path / "centre.toml").write_text(CENTRE.format(dsn=dsn), encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        opening_store(load(tmp_path / "centre.toml"))
    assert caught.value.code == "store.opening_dsn"
    assert "secret@" not in str(caught.value)


def test_without_it_this_console_opens_none(tmp_path: Path) -> None:
    (tmp_path / "centre.toml").write_text('[centre]\nname = "Ensayo"\n', encoding="utf-8")
    assert opening_store(load(tmp_path / "centre.toml")) is None
