"""Alerts and events of what is sealed go out by a judge's order that says so, two who approve and a third who builds;
who is protected is named only where the order names her, and nowhere but in the package.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core.bundled_policy import privacy_policy
from cior_core.errors import AccessDenied, PayloadRejected
from cior_core.judicial import acts as a
from cior_core.judicial.copies import CopyKind
from cior_core.privacy import LegalBasis
from cior_core.requests import RequestStatus
from cior_evidence import drawing
from cior_evidence.box_desk import warrant_of
from cior_evidence.records_of_store import StoreContent
from cior_store.engine import Store
from cior_vision.person_sight import PersonSight
from doubles.authorities import Authorities
from engines.source_tree import ROOT
from integration.evidence.box_rig import (
    DURESS,
    MIXED,
    NAME,
    OTHER,
    STREET,
    WITNESS,
    Keeping,
    fill,
    lines,
    run,
    told,
)
from integration.vision.shirts import ShirtDetector

SEALED: dict[str, Any] = {"authority": "juzgado", "order": LegalBasis.COURT_ORDER, "sealed": True}
WITH_IDENTITY = SEALED | {"identity": True}
IDENTITY = (NAME.encode(), STREET.encode(), DURESS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(f"chdb://{tmp_path_factory.mktemp('chdb')}") as opened:
        fill(opened)
        yield opened


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture
def keeping(tmp_path: Path, footage_ring: Path, quick: Authorities, store: Store) -> Iterator[Keeping]:
    made = Keeping(tmp_path, footage_ring, quick, store)
    yield made
    made.court.register.close()


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each act that is drawn says."""
    said: list[dict[str, Any]] = []
    draw = drawing.drawn

    def spying(template: str, files: Mapping[str, bytes], *, at_ms: int) -> bytes:
        said.append(json.loads(files["acta.json"]))
        return draw(template, files, at_ms=at_ms)

    monkeypatch.setattr(drawing, "drawn", spying)
    return said


def verified(folder: Path, quick: Authorities) -> int:
    command: list[str | Path] = [
        sys.executable, "-I", "-S", ROOT / "evidence/cior_evidence/verify.py", folder, "--root",
        quick.folder / "raiz.pem", "--json",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode


def alerts(folder: Path) -> dict[str, bool]:
    """The alerts of a package: whether each is a reserved one."""
    return {each["alerta"]: "reservada" in each for each in lines(folder, "data/eventos/alertas.jsonl")}


def events(folder: Path) -> list[str]:
    return [each["evento"] for each in lines(folder, "data/eventos/indice.jsonl")]


def gathered(keeping: Keeping) -> list[Mapping[str, Any]]:
    """What the ledger says of each reserved alert that was let out."""
    return [each.detail for each in keeping.rows if each.act == "request.gather" and "alert" in each.detail]


def custody(folder: Path) -> list[str]:
    return [
        each["detalle"]
        for each in lines(folder, "meta/custodia.jsonl")
        if each["acto"] == "reservado_incluido"
    ]


def everything(*folders: Path) -> bytes:
    """Every file below, members of a ZIP as they are."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    found = []
    for path in files:
        found.append(path.read_bytes())
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found += [archive.read(each) for each in archive.namelist()]
    return b"".join(found)


def test_law_9_and_17_a_judges_order_brings_alert_and_events_by_pseudonym_each_told_in_ledger_custody_and_act(
    keeping: Keeping, quick: Authorities, acted: list[dict[str, Any]]
) -> None:
    keeping.granted("alert-1", "alert-2", "alert-3", **SEALED)
    keeping.approve_more()
    assert keeping.boxes().exit_code == 0
    laid = json.loads((keeping.away / "cerrados.json").read_bytes())
    assert ([each["record"] for each in laid["boxes"]], laid["sealed"]) == (["raw-3"], False)
    folder = keeping.built()
    assert alerts(folder) == {"alert-1": False, "alert-2": True, "alert-3": True}
    index = {each["evento"]: each for each in lines(folder, "data/eventos/indice.jsonl")}
    reserved = {name: "reservado" in each for name, each in index.items()}
    assert reserved == {"event-1": False, "event-2": True, "event-3": True}
    shown = json.loads((folder / "bag" / index["event-2"]["archivo"]).read_bytes())
    assert (shown["subject"], shown["data"]["place"]["district"]) == ("p-" + "0" * 32, "centro")
    asked = told(folder, "meta/solicitud.json")
    assert [each["id"] for each in asked["reservado_por_orden"]["aprobaron"]] == ["p-jefa", "p-otra"]
    assert asked["reservado_por_orden"]["identidad"] is False
    assert asked["reservado"] == 4  # the event that tells more, and the boxes of three calls
    row, other = gathered(keeping)
    assert (row["alert"], row["events"], row["identity"]) == ("alert-2", "event-2", 0)
    assert (other["alert"], other["events"], other["identity"]) == ("alert-3", "event-3", 0)
    noted = next(each for each in keeping.rows if each.detail == row)
    assert (noted.rule, noted.actor, noted.reason) == ("court-sealed", "p-archivo", "robo a mano armada")
    assert custody(folder) == ["alert-2; 1 eventos, 1 sin entregar", "alert-3; 1 eventos"]
    said = acted[-1]
    assert [each["alerta"] for each in said["reservadas"]] == ["alert-2", "alert-3"]
    assert (said["reservados"], said["identidades"]) == (2, 0)
    assert verified(folder, quick) == 0
    for secret in (*IDENTITY, WITNESS.encode(), MIXED, OTHER):
        assert secret not in everything(folder)


def test_law_17_an_order_that_names_who_is_protected_brings_what_her_box_tells_and_only_hers(
    keeping: Keeping, quick: Authorities, acted: list[dict[str, Any]]
) -> None:
    keeping.granted("alert-2", **WITH_IDENTITY)
    keeping.approve_more()
    for step in (keeping.boxes, keeping.open, keeping.hand_back):
        assert step().exit_code == 0
    folder = keeping.built()
    index = {each["evento"]: each for each in lines(folder, "data/eventos/indice.jsonl")}
    assert index.keys() == {"event-2", "event-5", "event-92"}
    mine = index["event-92"]
    whole = json.loads((folder / "bag" / mine["archivo"]).read_bytes())
    assert (whole["subject"], whole["data"]["place"]["text"]) == (NAME, STREET)
    (raw,) = lines(folder, "data/crudo/indice.jsonl")
    assert (mine["identidad_de"], mine["crudos"]) == ("event-2", [raw["archivo"]])
    assert "identidad_de" not in index["event-5"]  # the box told one call
    assert told(folder, "meta/solicitud.json")["reservado"] == 0
    assert (gathered(keeping)[0]["identity"], acted[-1]["identidades"]) == (1, 1)
    assert verified(folder, quick) == 0
    for secret in (OTHER, b"alert-3", b"event-3", MIXED):
        assert secret not in everything(folder)


def test_law_17_what_nobody_opens_keeps_who_is_protected_and_the_package_says_so(
    keeping: Keeping, quick: Authorities
) -> None:
    keeping.granted("alert-2", **WITH_IDENTITY)
    keeping.approve_more()
    folder = keeping.built()
    assert (alerts(folder), events(folder)) == ({"alert-2": True}, ["event-2", "event-5"])
    (gap,) = told(folder, "meta/huecos.json")["crudos"]
    assert (gap["registro"], gap["causa"]) == ("raw-5", "sealed_not_opened")
    assert gap["eventos"] == ["event-2", "event-5"]
    assert verified(folder, quick) == 0
    for secret in IDENTITY:
        assert secret not in everything(folder)


def test_law_17_without_such_an_order_a_reserved_alert_is_a_number(
    keeping: Keeping, quick: Authorities
) -> None:
    keeping.granted("alert-1", "alert-2", authority="juzgado", order=LegalBasis.COURT_ORDER)
    keeping.court.maker.look()
    folder = keeping.built()
    assert (alerts(folder), events(folder)) == ({"alert-1": False}, ["event-1"])
    asked = told(folder, "meta/solicitud.json")
    assert asked["reservado"] == 2  # the alert, and the box with two calls
    assert "reservado_por_orden" not in asked
    assert (gathered(keeping), custody(folder)) == ([], [])
    assert verified(folder, quick) == 0
    for secret in (b"alert-2", b"event-2", *IDENTITY):
        assert secret not in everything(folder)


def test_law_13_one_approver_or_one_who_approved_and_builds_lets_nothing_out(
    keeping: Keeping, store: Store
) -> None:
    court = keeping.court
    keeping.granted("alert-2", **WITH_IDENTITY)
    content = StoreContent(store, privacy_policy(), (), now_ms=court.shop.now_ms)
    assert court.request.state is RequestStatus.UNDER_REVIEW
    assert (content.taken(warrant_of(court.request)), content.boxes(warrant_of(court.request))) == ((), ())
    with pytest.raises(PayloadRejected):
        court.take(a.Build("p-archivo", court.shop.now_ms()))
    keeping.approve_more()
    assert [each.alert for each in content.taken(warrant_of(court.request))] == ["alert-2"]
    for approved in ("p-jefa", "p-otra", "p-mesa"):
        with pytest.raises(AccessDenied) as refused:
            court.take(a.Build(approved, court.shop.now_ms()))
        assert refused.value.code == "request.two_persons"
    court.take(a.DeclareConflict("p-jefa", court.shop.now_ms(), "p-jefa", "vecina"))
    assert content.taken(warrant_of(court.request)) == ()
    court.maker.look()
    assert gathered(keeping) == []


def test_law_17_a_file_that_says_what_a_judge_ordered_lets_nothing_out(
    keeping: Keeping, tmp_path: Path
) -> None:
    keeping.granted("alert-2", **SEALED)
    keeping.approve_more()
    keeping.built()
    order = next(keeping.court.shelf.out.glob(".*.orden"))
    assert "reservado_por_orden" in json.loads(order.read_bytes())
    made = run(
        "package", str(order), "--config", str(keeping.centre), "--ring", str(tmp_path), "--seal", "sello.toml",
        "--out", str(tmp_path / "paquetes-aparte"),
    )  # fmt: skip
    assert (made.exit_code != 0, "order.sealed_by_hand" in made.output + str(made.exception)) == (True, True)


def test_law_17_who_is_protected_is_in_the_package_and_nowhere_else(
    keeping: Keeping, capfd: pytest.CaptureFixture[str]
) -> None:
    court = keeping.court
    keeping.granted("alert-2", **WITH_IDENTITY)
    keeping.approve_more()
    said = keeping.boxes().output + keeping.open().output + keeping.hand_back().output
    folder = keeping.built()
    assert NAME.encode() in everything(folder)
    court.take(a.Derive("p-archivo", court.shop.now_ms(), CopyKind.REDACTED))
    seeing = msgspec.structs.replace(court.shop, finder=lambda: PersonSight(ShirtDetector()))
    type(court.copier)(seeing).look()
    copy = court.request.copies[-1]
    assert copy.digest, "the copy was not made"
    (copied,) = court.shelf.out.glob("*-c1")
    asked = told(copied, "meta/solicitud.json")
    assert ("reservado_por_orden" in asked, asked["eventos"], asked["reservado"]) == (False, None, 0)
    package = {folder, folder.with_suffix(".zip"), keeping.away}
    elsewhere = [
        path for path in court.folder.rglob("*") if path.is_file() and not package & {path, *path.parents}
    ]
    assert any(path.name == "register.db" for path in elsewhere)
    assert copied in {each.parent.parent for each in elsewhere} or any(
        copied in each.parents for each in elsewhere
    )
    logged = "".join(capfd.readouterr()) + said + "".join(map(str, elsewhere))
    for secret in (NAME, STREET):
        assert secret not in logged
        assert [path.name for path in elsewhere if secret.encode() in path.read_bytes()] == []
