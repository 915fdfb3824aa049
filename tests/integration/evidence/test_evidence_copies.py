"""Copies of a sealed package, made in the background: real register, rings, keys, authority, encoder and verifier. A
copy names what it was made of and is never offered as that; what is away is waited for; a kill costs one clip at most.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from cior_core.errors import SourceUnavailable
from cior_core.judicial import acts as a
from cior_core.judicial.copies import CopyKind, CopyOrder
from cior_core.requests import RequestStatus
from cior_evidence import derived, verify
from cior_evidence.copying import Copier
from cior_evidence.errands import PART
from cior_evidence.recoding import Recoded, Script, recode
from cior_evidence.shelf import Making, Progress, copy_id, package_id
from cior_register import ledger
from cior_register.ledger import LedgerQuestion
from doubles.authorities import Authorities
from doubles.requested import Court
from engines.long_runs import often
from engines.source_tree import ROOT
from integration.evidence.tampering import TAMPERINGS

CHILD = Path(__file__).with_name("copying_child.py")
LIMIT_S = 120


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Elliptic keys, which are quick."""
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture
def court(tmp_path: Path, footage_ring: Path, quick: Authorities) -> Iterator[Court]:
    """A request whose native package is sealed."""
    made = Court(tmp_path, footage_ring, quick)
    made.begin()
    made.approved()
    made.maker.look()
    assert made.request.state is RequestStatus.SEALED
    yield made
    made.register.close()


def order(court: Court, kind: CopyKind = CopyKind.VIEW, *, by: str = "p-archivo", **more: Any) -> CopyOrder:
    """Ordered at the desk."""
    return court.take(a.Derive(by, court.shop.now_ms(), kind, **more)).copies[-1]


def progress(court: Court, copy: CopyOrder) -> Progress:
    return court.shelf.progress(copy_id(court.request, copy))


def folder_of(court: Court, copy: CopyOrder) -> Path:
    return court.shelf.folder(copy_id(court.request, copy))


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "bag/meta" / name).read_text().splitlines()]


def verified(court: Court, folder: Path, digest: str) -> dict[str, Any]:
    """What ``verify.py`` says of it, in JSON."""
    program: list[str | Path] = [sys.executable, "-I", "-S", folder / "verify.py", folder, "--json"]
    brought: list[str | Path] = ["--root", court.authorities.folder / "raiz.pem", "--digest", digest]
    ran = subprocess.run([*program, *brought], capture_output=True, check=False, timeout=LIMIT_S)
    said: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == said["exit"], ran.stderr
    return said


def pictures(path: Path) -> list[np.ndarray[Any, Any]]:
    """Luma of every picture."""
    with av.open(str(path)) as film:
        return [each.to_ndarray(format="gray") for each in film.decode(video=0)]


def test_law_8_a_view_is_a_package_of_its_own_that_names_each_original(court: Court) -> None:
    native = court.shelf.folder(package_id(court.request))
    before = {path: path.read_bytes() for path in native.rglob("*") if path.is_file()}
    copy = order(court)
    assert (copy.n, copy.of, progress(court, copy).state) == (1, court.request.package, Making.ORDERED)
    court.copier.look()
    told, request = progress(court, copy), court.request
    assert told.state is Making.READY
    sealed = request.copies[0]
    assert (sealed.digest, request.package) == (told.digest, copy.of)
    assert sealed.digest != request.package
    folder = folder_of(court, copy)
    said = verified(court, folder, sealed.digest)
    assert said["exit"] == 0, said
    assert "copy.derived" in {each["code"] for each in said["findings"]}
    stated = json.loads((folder / "bag/meta/solicitud.json").read_text())
    assert (stated["tipo"], stated["deriva_de"]) == ("copia_de_vista", request.package)
    assert not (folder / "bag/data/nativo").exists()
    rows, originals = lines(folder, "segmentos.jsonl"), lines(native, "segmentos.jsonl")
    assert [row["nativo"]["sha256"] for row in rows] == [row["sha256"] for row in originals]
    assert [(row["clase"], row["desde"], row["cuadros"]) for row in rows] == [
        ("vista", row["desde"], row["cuadros"]) for row in originals
    ]
    # The native package is, byte for byte, what it was.
    assert {path: path.read_bytes() for path in native.rglob("*") if path.is_file()} == before
    assert list(court.shelf.out.glob(".*.copiando")) == []
    court.copier.look()
    assert len([each for each in court.acts if isinstance(each, a.SealCopy)]) == 1
    assert court.is_replayed


def test_law_8_a_copy_that_is_called_a_delivery_is_refused_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = TAMPERINGS["redacted_called_a_delivery"](tmp_path)
    assert verify.main([str(path), "--json"]) == 1
    assert "copy.asnative" in {each["code"] for each in json.loads(capsys.readouterr().out)["findings"]}


def test_nothing_of_the_picture_is_covered_and_the_bar_tells_the_time(court: Court) -> None:
    copy = order(court)
    court.copier.look()
    folder, native = folder_of(court, copy), court.shelf.folder(package_id(court.request))
    for row in lines(folder, "segmentos.jsonl"):
        shown = pictures(folder / "bag" / row["archivo"])
        own = pictures(native / "bag" / row["nativo"]["archivo"])
        assert len(shown) == len(own) == row["cuadros"]
        height, width = own[0].shape
        assert shown[0].shape == (row["alto"], row["ancho"])
        assert row["alto"] > height
        for one, other in zip(shown, own, strict=True):
            # Encoded again, so not equal; noise that is another picture's differs by 40 and more.
            assert np.abs(one[:height, :width].astype(int) - other.astype(int)).mean() < 12
        bars = [one[height:] for one in shown]
        assert all((bar > 180).any() for bar in bars)
        changed = [np.abs(one.astype(int) - other.astype(int)).max() for one, other in pairwise(bars)]
        assert all(difference > 100 for difference in changed), "the time stands still"


def test_the_same_clip_gives_the_same_bytes(tmp_path: Path, court: Court) -> None:
    native = next(court.shelf.folder(package_id(court.request)).rglob("*.mp4"))
    script = Script(lines=("COPIA DE VISTA", "Cámara Ñandú"), zone="UTC", stretches=())
    made = [recode(native, tmp_path / name, script) for name in ("uno.mp4", "dos.mp4")]
    assert (tmp_path / "uno.mp4").read_bytes() == (tmp_path / "dos.mp4").read_bytes()
    assert made[0] == made[1]


def test_law_9_footage_is_opened_for_a_copy_in_the_name_of_who_ordered_it(court: Court) -> None:
    order(court, by="p-mesa")
    court.copier.look()
    rows = [row.entry for row in court.register.read_now(lambda c: ledger.rows(c, LedgerQuestion()))]
    mine = [
        (each.act, each.actor, each.purpose)
        for each in reversed(rows)
        if each.detail.get("hand") == PART and each.detail.get("copy") == "view"
    ]
    assert mine == [
        ("request.copy_gather", "p-mesa", "judicial_request"),
        ("request.seal_copy", "p-mesa", "request_handling"),
    ]
    assert [each.by for each in court.acts if isinstance(each, a.SealCopy)] == ["p-mesa"]


def test_a_copy_waits_for_the_authority_and_for_its_original(court: Court) -> None:
    def away(_query: bytes) -> bytes:
        raise SourceUnavailable("seal.tsa_away", "no answer", cure="wait")

    copy = order(court)
    native = court.shelf.folder(package_id(court.request))
    native.rename(court.folder / "afuera")
    court.copier.look()
    assert (progress(court, copy).state, progress(court, copy).code) == (Making.WAITING, "copy.native_away")
    (court.folder / "afuera").rename(native)
    Copier(msgspec.structs.replace(court.shop, place=lambda: court.place(ask=away))).look()
    told = progress(court, copy)
    assert (told.state, told.code, told.cure) == (Making.WAITING, "seal.tsa_away", "wait")
    assert court.request.copies[0].digest == ""
    assert not court.shelf.archive(copy_id(court.request, copy)).exists()
    court.copier.look()
    assert progress(court, copy).state is Making.READY


def test_law_8_of_an_original_that_was_touched_nothing_is_made(court: Court) -> None:
    copy = order(court)
    film = next(court.shelf.folder(package_id(court.request)).rglob("*.mp4"))
    content = bytearray(film.read_bytes())
    content[-20] ^= 1
    film.write_bytes(content)
    court.copier.look()
    assert (progress(court, copy).state, progress(court, copy).code) == (
        Making.STOPPED,
        "copy.native_changed",
    )
    assert court.request.copies[0].digest == ""


def test_a_full_disk_waits_and_a_clip_that_was_finished_is_not_made_again(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def full_at_the_second(source: Path, target: Path, script: Script) -> Recoded:
        made.append(source.name)
        if len(made) == 2:
            raise OSError(28, "No space left on device")
        return recode(source, target, script)

    monkeypatch.setattr(derived, "recode", full_at_the_second)
    copy = order(court)
    court.copier.look()
    told = progress(court, copy)
    assert (told.state, told.code) == (Making.WAITING, "package.disk_full")
    rows = lines(court.shelf.folder(package_id(court.request)), "segmentos.jsonl")
    assert (told.pictures, told.pictures_of) == (rows[0]["cuadros"], sum(row["cuadros"] for row in rows))
    court.copier.look()
    assert progress(court, copy).state is Making.READY
    assert made == ["0001.mp4", "0002.mp4", "0002.mp4"]


def test_a_copy_whose_order_fell_is_not_sealed(court: Court) -> None:
    first = order(court)

    def falls() -> Any:
        order(court, by="p-mesa")
        return court.place()

    Copier(msgspec.structs.replace(court.shop, place=falls)).look()
    assert (progress(court, first).state, progress(court, first).code) == (
        Making.STOPPED,
        "package.superseded",
    )
    second = court.request.copies[-1]
    assert (second.n, second.digest) == (2, "")
    court.copier.look()
    assert [each.digest != "" for each in court.request.copies] == [True]
    assert progress(court, second).state is Making.READY


def test_without_a_detector_a_redacted_copy_is_refused_with_a_cure(court: Court) -> None:
    copy = order(court, CopyKind.REDACTED)
    court.copier.look()
    told = progress(court, copy)
    assert (told.state, told.code) == (Making.WAITING, "copy.no_detector")
    assert "detector" in told.cure
    assert list(court.shelf.out.glob("*.copiando/*.mp4")) == []
    assert court.request.copies[0].digest == ""


MANY = 100_000


def child(
    court: Court, folder: Path, steps: int, pictures_left: int = MANY
) -> subprocess.CompletedProcess[str]:
    """The part in a process of its own, over a copy of this court's folder."""
    shutil.copytree(court.folder, folder)
    rings = court.shop.rings[-1]
    return subprocess.run(
        [sys.executable, CHILD, folder, rings, court.authorities.folder, str(steps), str(pictures_left)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.crash
@pytest.mark.timeout(600)
def test_killed_anywhere_it_goes_on_and_each_copy_stands_once(
    court: Court, footage_ring: Path, quick: Authorities, tmp_path_factory: pytest.TempPathFactory
) -> None:
    order(court)
    court.closed()
    out = tmp_path_factory.mktemp("muertes")
    lived = child(court, out / "whole", MANY)
    assert lived.returncode == 0, lived.stderr
    steps, frames = map(int, lived.stdout.split()[-2:])
    assert steps >= 8
    # In the middle of a clip, before the register hears of it, at the very end; under `make long` before every step.
    wanted = {(steps // 2, MANY), (steps - 2, MANY), (MANY, frames - 5)}
    wanted |= {(each, MANY) for each in range(often(0, long=steps))}
    for number, (step, picture) in enumerate(sorted(wanted)):
        folder = out / f"killed-{number}"
        assert child(court, folder, step, picture).returncode == -signal.SIGKILL, (step, picture)
        again = Court(folder, footage_ring, quick)
        try:
            again.copier.look()
            sealed = again.request.copies[0]
            assert (progress(again, sealed).state, progress(again, sealed).digest) == (
                Making.READY,
                sealed.digest,
            )
            assert len([each for each in again.acts if isinstance(each, a.SealCopy)]) == 1
            assert again.is_replayed
            assert verified(again, folder_of(again, sealed), sealed.digest)["exit"] == 0
            assert list(again.shelf.out.glob(".*.copiando")) == []
        finally:
            again.closed()
