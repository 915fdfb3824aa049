"""``cior evidence package``: an order, a ring, a store and an authority over HTTP to a sealed package, and again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from cior.cli import main
from cior_core import footage
from cior_core.bundled_policy import privacy_policy
from cior_core.catalogue import Kind
from cior_core.model import DataClass, RawPointer
from cior_core.privacy import LegalBasis
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.boxes_of_store import Warrant
from cior_evidence.records_of_store import StoreContent
from cior_evidence.ring import Found
from cior_store.engine import Store
from cior_store.migrate import migrate
from cior_store.writers import Writers
from doubles.authorities import Authorities, tsa_over_http
from doubles.packages import START_MS, order, read
from engines.source_tree import ROOT
from integration.store import city

BOX = b"a box for the team's key"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a press that came twice, and once more on a line whose bytes lie in boxes; a reserved alert, what a
    camera said and who looked.
    """
    dsn = f"chdb://{tmp_path_factory.mktemp('chdb')}"
    at_ms = START_MS + 5000
    raws = [
        city.raw(1, payload=b"\x00\xff\r\npress", at_ms=at_ms),
        city.raw(2, payload=b"again", at_ms=at_ms + 900),
    ]
    boxed = city.raw(3, payload=BOX, at_ms=at_ms, sealed=True, data_class=DataClass.SEALED)
    pointers = [RawPointer(raw_id=each.id, sha256=each.sha256) for each in (*raws, boxed)]
    press = [city.event(1, at_ms=at_ms, data_class=DataClass.RESTRICTED, raw=each) for each in pointers]
    said = city.event(
        7, at_ms=at_ms, type="camera.signal_loss", subject="cam-7", source="vision/1", summary="sin señal",
        life_safety=False,
    )  # fmt: skip
    reserved = city.alert(
        2, at_ms=at_ms + 1, type="panic.gender_violence", silent=True, data_class=DataClass.SEALED
    )
    with Store.open(dsn) as store:
        migrate(store)
        book = Writers(store)
        made: dict[Kind, list[Any]] = {
            Kind.RAW: raws,
            Kind.SEALED: [boxed],
            Kind.EVENT: [*press, said, city.event(2, at_ms=at_ms)],
            Kind.ALERT: [city.alert(1, at_ms=at_ms), reserved],
            Kind.TRANSITION: [city.transition(1, at_ms=at_ms)],
            Kind.LEDGER: [city.ledger_row(1, subject="cam-7")],
        }
        for number, (kind, records) in enumerate(made.items()):
            assert book.write(kind, city.entries(records, first=number * 100), token=f"made-{number}") == ()
    return dsn


@pytest.fixture
def asked(tmp_path: Path, authorities: Authorities, footage_ring: Path, stored: str) -> Iterator[list[str]]:
    """The command line, its authority running."""
    with tsa_over_http(authorities) as url:
        for name in ("sello.pem", "raiz.pem", "intermedia.pem", "ca.crl"):
            (tmp_path / name).write_bytes((authorities.folder / name).read_bytes())
        (tmp_path / "sello.key").touch(mode=0o600)
        (tmp_path / "sello.key").write_bytes((authorities.folder / "sello.key").read_bytes())
        text = (authorities.folder / "sello.toml").read_text().replace("http://127.0.0.1:9/", url)
        (tmp_path / "sello.toml").write_text(text)
        (tmp_path / "centre.toml").write_text('[centre]\nname = "Rosario"\n', encoding="utf-8")
        (tmp_path / "orden.json").write_text(json.dumps(order()))
        yield [
            "evidence", "package", str(tmp_path / "orden.json"), "--config", str(tmp_path / "centre.toml"),
            "--ring", str(footage_ring), "--seal", str(tmp_path / "sello.toml"), "--out", str(tmp_path / "out"),
            "--store", stored,
        ]  # fmt: skip


VERIFIER = ROOT / "evidence/cior_evidence/verify.py"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def lines(folder: Path, path: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in (folder / "bag" / path).read_bytes().splitlines()]


def test_an_order_becomes_a_package_that_the_verifier_takes(asked: list[str], tmp_path: Path) -> None:
    result = run(*asked)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "out" / "sf-2026-000123"
    assert str(folder) in result.output
    raws = lines(folder, "data/crudo/indice.jsonl")
    assert {each["registro"]: (folder / "bag" / each["archivo"]).read_bytes() for each in raws} == {
        "raw-1": b"\x00\xff\r\npress",
        "raw-2": b"again",
    }
    assert all(each["sha256"] == each["sha256_recibido"] for each in raws)
    events = lines(folder, "data/eventos/indice.jsonl")
    assert [each["evento"] for each in events] == ["event-1"]
    assert len(events[0]["crudos"]) == 2
    body = msgspec.json.decode((folder / "bag" / events[0]["archivo"]).read_bytes())
    assert body["id"] == "event-1"
    alerts = lines(folder, "data/eventos/alertas.jsonl")
    assert [each["alerta"] for each in alerts] == ["alert-1"]
    assert alerts[0]["razones"] == [{"codigo": "base", "puntos": 80, "texto": "Botón de pánico"}]
    assert [each["acto"] for each in alerts[0]["historia"]] == ["opened"]
    assert lines(folder, "meta/salud.jsonl")[0]["motivo"] == "sin señal"
    assert lines(folder, "meta/accesos.jsonl")[0]["quien"] == "p-ana"
    if not VERIFIER.is_file():
        pytest.skip("the verifier that travels alone is not in this checkout")
    verified = subprocess.run(
        [sys.executable, VERIFIER, folder, "--root", tmp_path / "raiz.pem",
         "--ledger-key", (tmp_path / "data/evidence/ledger/clave.pub").read_text().strip(), "--json"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stdout


def test_law_17_nothing_reserved_is_in_an_ordinary_package_but_its_count(
    asked: list[str], tmp_path: Path
) -> None:
    assert run(*asked).exit_code == 0
    folder = tmp_path / "out" / "sf-2026-000123"
    assert msgspec.json.decode((folder / "bag/meta/solicitud.json").read_bytes())["reservado"] == 1, (
        "the alert"
    )
    found = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert not [word for word in (b"alert-2", b"event-2", b"gender_violence") if word in found]
    (gap,) = msgspec.json.decode((folder / "bag/meta/huecos.json").read_bytes())["crudos"]
    assert (gap["causa"], (folder / "bag" / gap["archivo"]).read_bytes()) == ("sealed_not_opened", BOX)


def test_an_order_that_opens_nothing_restricted_delivers_no_event(asked: list[str], tmp_path: Path) -> None:
    """The table decides, not the command: another kind of authority gets footage and a count."""
    changed = order(solicitud={**order()["solicitud"], "clase": "other"})
    (tmp_path / "orden.json").write_text(json.dumps(changed))
    assert run(*asked).exit_code == 0
    folder = tmp_path / "out" / "sf-2026-000123"
    assert not (folder / "bag/data/crudo").exists()
    assert msgspec.json.decode((folder / "bag/meta/solicitud.json").read_bytes())["reservado"] == 2


def test_the_same_command_again_is_the_same_package(asked: list[str], tmp_path: Path) -> None:
    first, again = run(*asked), run(*asked)
    assert first.stdout.splitlines()[-3:] == again.stdout.splitlines()[-3:]
    assert (tmp_path / "data/evidence/ledger/paquetes.jsonl").read_bytes().count(b"\n") == 1


def test_an_authority_that_is_away_is_said_and_can_be_tried_again(asked: list[str], tmp_path: Path) -> None:
    seal = tmp_path / "sello.toml"
    good = seal.read_text()
    seal.write_text(re.sub(r'tsa_url = ".*"', 'tsa_url = "http://127.0.0.1:9/"', good))
    result = run(*asked)
    assert result.exit_code == 1
    assert "seal.tsa_away" in result.output
    assert not (tmp_path / "out" / "sf-2026-000123").exists()
    seal.write_text(good)
    assert run(*asked).exit_code == 0


def test_a_key_that_others_may_read_seals_nothing(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "sello.key").chmod(0o644)
    result = run(*asked)
    assert result.exit_code == 2
    assert "chmod 600" in result.output


def test_an_order_by_one_person_is_refused_with_the_cure(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "orden.json").write_text(json.dumps(order(aprobada_por=order()["pedida_por"])))
    result = run(*asked)
    assert result.exit_code != 0
    assert "another person" in result.output
    assert to_rfc3339(START_MS) not in result.output


def of(*alerts: str) -> Warrant:
    return Warrant(
        alerts=alerts,
        basis=LegalBasis.PROSECUTOR_ORDER,
        reason="robo a mano armada",
        approvers=1,
        sealed=False,
    )


def test_a_request_gets_the_records_of_the_alerts_that_it_names_and_no_others(stored: str) -> None:
    def nothing(camera: str, span: tuple[int, int]) -> Found:
        return Found((), footage.cover(camera, span, ()))

    with Store.open(stored) as store:
        content = StoreContent(store, privacy_policy(), (), now_ms=lambda: START_MS + 60_000)
        assert content.opened(("alert-1", "nobody")) == {"alert-1": START_MS + 5_000}
        told = {
            name: content.sources(
                read(), warrant=of(name), taken=(), handed={}, footage=nothing, deeds=()
            ).records
            for name in ("alert-1", "other")
        }
        named, other = told["alert-1"], told["other"]
        assert named is not None
        assert other is not None
        assert [each["alerta"] for each in named.alerts()] == ["alert-1"]
        assert [each.id for each in named.events()] == ["event-1"]
        assert (list(other.alerts()), list(other.events()), other.reserved) == ([], [], 0)
        health = content.sources(read(), warrant=of(), taken=(), handed={}, footage=nothing, deeds=()).health
        assert [each["motivo"] for each in health] == ["sin señal"]
