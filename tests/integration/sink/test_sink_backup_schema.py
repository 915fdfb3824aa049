"""A backup of an older store comes back under today's schema; one of a newer store is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cior_core.backup_manifest import FORMAT, FileOf, Manifest, Schema
from cior_core.errors import ConfigInvalid
from cior_sink import restoring
from cior_store.engine import Store
from cior_store.migrate import bundled, dump, history, migrate
from cior_store.table_copy import copy_tables
from integration.sink.test_sink_verify_log import Centre

pytestmark = pytest.mark.xdist_group("backup_halves")


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """Copied out of a store to which the two newest migrations had not come yet."""
    pytest.importorskip("chdb", reason="the embedded engine is not installed: pip install 'cior[embedded]'")
    folder = tmp_path_factory.mktemp("older")
    (folder / "made" / "tables").mkdir(parents=True)
    with Store.open(f"chdb://{folder / 'store'}") as store:
        migrate(store, bundled()[:-2])
        centre = Centre(store, folder)
        centre.press("panels", "of old")
        centre.press("sealed", "of old")
        centre.minute()
        tables = copy_tables(store, folder / "made" / "tables")
    made = Manifest(
        format=FORMAT, backup="0011", origin="cior/prueba", program="0.0.9", begun_ms=centre.now_ms,
        ended_ms=centre.now_ms, is_settled=True, tables=tables,
        files={each.file: FileOf("", 0) for each in tables.portions},
    )  # fmt: skip
    return folder / "made", made


def test_a_backup_of_an_older_schema_is_loaded_and_then_migrated(
    older: tuple[Path, Manifest], tmp_path: Path
) -> None:
    backup, manifest = older
    assert len(manifest.tables.schema) == len(bundled()) - 2
    with Store.open(f"chdb://{tmp_path / 'store'}") as store:
        restoring._load(store, backup, manifest)
        assert len(history(store)) == len(bundled())
        assert store.value("SELECT count() FROM ops.raw") == 1
        assert store.value("SELECT count() FROM sealed.raw") == 1
        restored = dump(store)
    with Store.open(f"chdb://{tmp_path / 'fresh'}") as store:
        migrate(store)
        assert restored == dump(store)


@pytest.mark.parametrize("digest", ["0" * 64, ""])
def test_a_backup_of_a_newer_or_another_schema_is_refused_before_the_store_is_touched(
    older: tuple[Path, Manifest], tmp_path: Path, digest: str
) -> None:
    backup, manifest = older
    schema = tuple(Schema(each.version, each.sha256) for each in bundled())
    newer = (*schema, Schema(schema[-1].version + 1, digest)) if digest else (Schema(1, digest), *schema[1:])
    tables = msgspec.structs.replace(manifest.tables, schema=newer)
    with Store.open(f"chdb://{tmp_path / 'store'}") as store:
        with pytest.raises(ConfigInvalid, match=r"restore\.schema") as refused:
            restoring._load(store, backup, msgspec.structs.replace(manifest, tables=tables))
        assert "0.0.9" in refused.value.cure
        assert store.value("SELECT count() FROM system.databases WHERE name = 'ops'") == 0
