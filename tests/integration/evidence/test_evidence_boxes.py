"""Raw bytes in sealed boxes come into the package of the request that may have them, opened where the key is; nothing
else does, and who carries the files can change none of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.public import PrivateKey

from cior_bus import sealed_box
from cior_core.canonical import canonical
from cior_core.judicial import acts as a
from cior_core.privacy import LegalBasis
from cior_core.requests import RequestStatus
from cior_evidence.box_files import OPENED, Opened, OpenedFile, closed_for
from cior_evidence.box_room import BoxRoom
from cior_evidence.boxes_of_store import StoreBoxes
from cior_evidence.making import Maker
from cior_store.engine import Store
from doubles.authorities import Authorities
from engines.source_tree import ROOT
from integration.evidence.authorities import pki
from integration.evidence.box_rig import DURESS, FRAME, MIXED, TEAM, Keeping, fill, lines, run, told
from integration.evidence.tampering import TAMPERINGS

VERIFIER = ROOT / "evidence/cior_evidence/verify.py"


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


def verified(folder: Path, quick: Authorities) -> tuple[int, list[str]]:
    command: list[str | Path] = [
        sys.executable, "-I", "-S", VERIFIER, folder, "--root", quick.folder / "raiz.pem", "--json",
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, check=False, timeout=120)
    said = json.loads(ran.stdout)
    return ran.returncode, [each["code"] for each in said["findings"] if each["weight"] == "error"]


def test_law_9_a_loud_press_out_of_its_box_is_in_the_package_with_who_opened_it_when_and_why(
    keeping: Keeping, quick: Authorities
) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    out = keeping.boxes()
    assert out.exit_code == 0, out.output
    assert "1 boxes" in out.output  # neither the mixed one, nor another alarm's, nor what is reserved
    opened = keeping.open()
    assert opened.exit_code == 0, opened.output
    back = keeping.hand_back()
    assert (back.exit_code, back.output.strip()) == (0, "accepted raw-3")
    folder = keeping.built()
    assert keeping.court.request.state is RequestStatus.SEALED
    raws = {each["registro"]: each for each in lines(folder, "data/crudo/indice.jsonl")}
    assert raws.keys() == {"raw-1", "raw-3"}
    row = raws["raw-3"]
    assert (folder / "bag" / row["archivo"]).read_bytes() == FRAME
    assert row["sha256"] == row["sha256_recibido"] == hashlib.sha256(FRAME).hexdigest()
    apertura = row["apertura"]
    assert (apertura["quien"], apertura["motivo"], apertura["entregada_por"]) == (
        "Ana Paz", "oficio 12", "p-archivo",
    )  # fmt: skip
    box = (folder / "bag" / row["sobre"]["archivo"]).read_bytes()
    assert hashlib.sha256(box).hexdigest() == row["sobre"]["sha256"]
    assert FRAME in sealed_box.unlock(box, bytes.fromhex(row["sobre"]["clave"]))
    assert told(folder, "meta/huecos.json")["crudos"] == []
    assert told(folder, "meta/solicitud.json")["reservado"] == 1  # the mixed box
    event = lines(folder, "data/eventos/indice.jsonl")[0]
    assert event["crudos"] == [raws["raw-1"]["archivo"], row["archivo"]]
    custody = [(each["acto"], each["quien"]) for each in lines(folder, "meta/custodia.jsonl")]
    assert custody.index(("sobre_abierto", "Ana Paz")) < len(custody) - 1
    acts = [(each.act, each.actor) for each in keeping.rows]
    wanted = [
        ("request.boxes", "cior.evidence"), ("request.boxes_out", "p-archivo"), ("request.box_opened", "p-archivo"),
        ("request.assemble", "p-archivo"),
    ]  # fmt: skip
    assert [each for each in acts if each in wanted] == wanted
    note = next(each for each in keeping.rows if each.act == "request.box_opened")
    assert (note.detail["opened_by"], note.detail["record"], note.reason) == ("Ana Paz", "raw-3", "oficio 12")
    chained = [json.loads(line) for line in (keeping.away / "aperturas.ndjson").read_text().splitlines()]
    assert [each["opening"]["record"] for each in chained] == ["raw-3"]
    assert str(note.detail["openings"]).split()[1] == "1"
    assert verified(folder, quick) == (0, [])
    assert not BoxRoom(
        keeping.court.shop.boxes, keeping.court.request_id
    ).handed()  # no key of a box is kept on


def test_law_8_a_verifier_believes_no_byte_that_was_not_in_the_box(tmp_path: Path) -> None:
    """Sealed again by somebody who has the key of the seal: what came out of the box shows it."""
    path, _ = TAMPERINGS["opened_bytes_changed"](tmp_path / "paquete")
    (tmp_path / "raiz.pem").write_bytes(pki().root.pem)
    command: list[str | Path] = [
        sys.executable,
        "-I",
        "-S",
        VERIFIER,
        path,
        "--root",
        tmp_path / "raiz.pem",
        "--json",
    ]
    ran = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert [each["code"] for each in json.loads(ran.stdout)["findings"] if each["weight"] == "error"] == [
        "box.content"
    ]


def test_law_17_what_nobody_opened_goes_closed_and_is_a_gap_with_its_cause(
    keeping: Keeping, quick: Authorities
) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    folder = keeping.built()
    assert [each["registro"] for each in lines(folder, "data/crudo/indice.jsonl")] == ["raw-1"]
    (gap,) = told(folder, "meta/huecos.json")["crudos"]
    assert (gap["registro"], gap["causa"], gap["eventos"]) == ("raw-3", "sealed_not_opened", ["event-1"])
    box = (folder / "bag" / gap["archivo"]).read_bytes()
    assert hashlib.sha256(box).hexdigest() == gap["sha256"]
    assert FRAME in sealed_box.unseal(box, bytes(TEAM))
    assert verified(folder, quick) == (0, [])
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in (b"#4711", b"VICTIMA", MIXED):
        assert secret not in everything


def test_law_17_a_reserved_alarm_comes_by_a_judges_order_two_approvers_and_a_third_alone(
    keeping: Keeping, quick: Authorities
) -> None:
    keeping.granted(
        "alert-1", "alert-2", authority="juzgado", order=LegalBasis.COURT_ORDER, sealed=True, identity=True
    )
    court = keeping.court
    court.maker.look()
    assert keeping.boxes().exit_code != 0  # one approved: nothing is laid out for anybody
    keeping.approve_more()
    assert "request.two_persons" in keeping.boxes(by="mesa").output  # the clerk may not, of what is sealed
    assert keeping.boxes().exit_code == 0
    assert keeping.open().exit_code == 0
    assert sorted(keeping.hand_back().output.split()[1::2]) == [
        "raw-3",
        "raw-5",
    ]  # raw-4 holds another call too
    folder = keeping.built()
    found = {
        each["registro"]: (folder / "bag" / each["archivo"]).read_bytes()
        for each in lines(folder, "data/crudo/indice.jsonl")
    }
    assert found == {"raw-1": b"in the open", "raw-3": FRAME, "raw-5": DURESS}
    assert verified(folder, quick) == (0, [])


def test_law_9_another_requests_or_altered_openings_are_refused_and_named(keeping: Keeping) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    assert keeping.boxes().exit_code == keeping.open().exit_code == 0
    good = (keeping.away / "abiertos.json").read_bytes()
    room = BoxRoom(keeping.court.shop.boxes, keeping.court.request_id)
    changes: dict[str, Any] = {
        "of another request": lambda file: file | {"request": "f" * 32},
        "a bit turned": lambda file: file | {"opened": [_turned(each) for each in file["opened"]]},
    }
    for name, change in changes.items():
        (keeping.away / "otro.json").write_text(json.dumps(change(json.loads(good))))
        result = keeping.hand_back(name="otro.json")
        said = result.output + str(result.exception)
        assert (result.exit_code != 0, "boxes.other_request" in said) == (True, True), name
    assert room.handed() == {}
    refused = [each for each in keeping.rows if each.act == "request.box_opened"]
    assert [(each.outcome, each.rule) for each in refused] == [("refused", "boxes.other_request")]


def _turned(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def test_the_key_of_another_box_or_of_nothing_is_refused_by_the_box_that_was_received(
    keeping: Keeping,
) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    room = BoxRoom(keeping.court.shop.boxes, keeping.court.request_id)
    laid = room.closed()
    assert laid is not None
    box = laid.boxes[0]
    sound = Opened(
        request=laid.request, record=box.record, box=box.sha256, key=b"k" * 32, who="Ana", reason="x", at_ms=1,
        place="",
    )  # fmt: skip
    change = msgspec.structs.replace
    made = {
        "boxes.other_bytes": sound,
        "boxes.other_box": change(sound, box="0" * 64),
        "boxes.not_asked": change(sound, record="raw-6"),
        "opening.unnamed": change(sound, who=" "),
    }
    file = OpenedFile(
        format=OPENED,
        request=laid.request,
        opened=tuple(closed_for(laid.to, each) for each in made.values()),
    )
    assert [each.code for each in room.judged(file)] == list(made)


def test_where_no_part_runs_the_command_itself_asks_the_store(keeping: Keeping, store: Store) -> None:
    keeping.granted("alert-1")
    out = run(
        "boxes", keeping.court.request_id, str(keeping.away / "cerrados.json"), "--config", str(keeping.centre),
        "--by", "archivo", "--store", f"chdb://{store.dsn.path}",
    )  # fmt: skip
    assert out.exit_code == 0, out.output
    assert keeping.open().exit_code == 0
    assert keeping.hand_back().output.strip() == "accepted raw-3"


def test_a_box_that_was_changed_on_its_way_to_the_keeper_is_not_opened_and_named(keeping: Keeping) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    assert keeping.boxes().exit_code == 0
    path = keeping.away / "cerrados.json"
    said = json.loads(path.read_bytes())
    said["boxes"][0]["box"] = _turned(said["boxes"][0]["box"])
    path.write_text(json.dumps(said))
    result = keeping.open()
    assert (result.exit_code, "boxes.other_box raw-3" in result.output) == (1, True)
    assert (keeping.away / "aperturas.ndjson").read_bytes() == b""


def test_who_has_another_key_opens_nothing_and_who_has_no_name_neither(keeping: Keeping) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    assert keeping.boxes().exit_code == 0
    keeping.keep_key(PrivateKey.generate())
    result = keeping.open()
    assert (result.exit_code, "box.other_key raw-3" in result.output) == (1, True)
    assert keeping.open(who=" ", out="b.json").exit_code != 0
    assert (keeping.away / "aperturas.ndjson").read_bytes() == b""


def test_law_13_who_approved_may_not_take_boxes_out_and_before_approval_nobody_may(keeping: Keeping) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    assert "request.two_persons" in keeping.boxes(by="jefa").output
    assert "boxes.no_custodian" in keeping.boxes(by="fiscal").output
    keeping.court.take(a.DeclareConflict("p-jefa", keeping.court.shop.now_ms(), "p-jefa", "vecina"))
    assert "boxes.not_now" in keeping.boxes().output
    assert not (keeping.away / "cerrados.json").exists()


def test_law_17_who_keeps_the_key_opens_nothing_reserved_for_an_ordinary_order(
    keeping: Keeping, store: Store
) -> None:
    """Whatever the centre asks for: what is in the box decides, where it is opened and where it is handed back."""
    keeping.granted("alert-1")
    hidden = StoreBoxes(store).box("raw-5")
    assert hidden is not None
    room = BoxRoom(keeping.court.shop.boxes, keeping.court.request_id)
    laid = room.lay_out([hidden], sealed=False)
    (keeping.away / "cerrados.json").write_bytes(canonical(laid))
    result = keeping.open()
    assert (result.exit_code, "boxes.reserved raw-5" in result.output) == (1, True)
    assert (keeping.away / "aperturas.ndjson").read_bytes() == b""
    (keeping.away / "cerrados.json").write_bytes(canonical(msgspec.structs.replace(laid, sealed=True)))
    assert keeping.open(out="mentira.json").exit_code == 0
    assert "boxes.reserved raw-5" in keeping.hand_back(name="mentira.json").output
    assert room.handed() == {}


def test_what_was_laid_out_for_a_request_that_is_over_is_removed_when_the_part_begins(
    keeping: Keeping,
) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    folder = BoxRoom(keeping.court.shop.boxes, keeping.court.request_id).path.parent
    kept = keeping.away / "copia"
    shutil.copytree(folder, kept)
    keeping.built()
    shutil.copytree(kept, folder)  # as a kill between the seal and the removal leaves it
    Maker(keeping.court.shop).look()
    assert not folder.exists()


def test_law_17_no_name_and_no_key_is_in_a_log_a_file_name_or_the_shelf(
    keeping: Keeping, capfd: pytest.CaptureFixture[str]
) -> None:
    keeping.granted("alert-1")
    keeping.court.maker.look()
    said = keeping.boxes().output + keeping.open().output + keeping.hand_back().output
    room = BoxRoom(keeping.court.shop.boxes, keeping.court.request_id)
    key = room.handed()["raw-3"].opened.key
    before = [path for path in keeping.court.shop.boxes.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o077 for path in before if ".sobres" in str(path)} == {0}
    carried = (keeping.away / "cerrados.json").read_bytes() + (keeping.away / "abiertos.json").read_bytes()
    logged = "".join(capfd.readouterr())
    for secret in ("4711", "VICTIMA", "198.51.100.9"):
        assert secret not in said + logged + "".join(path.name for path in before)
        assert secret.encode() not in carried
    assert key not in carried
    assert key.hex() not in logged
    register = b"".join(path.read_bytes() for path in (keeping.centre.parent / "data/register").iterdir())
    assert key not in register
