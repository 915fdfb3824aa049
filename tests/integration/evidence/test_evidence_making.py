"""From an order in the register to a sealed package: real register, ring, keys, authority and verifier. What is away is
said and waited for; a kill leaves one package and each act once; nobody's order is sealed after it fell.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cior_core.errors import SourceUnavailable
from cior_core.judicial import acts as a
from cior_core.requests import Answer, RequestStatus
from cior_evidence.errands import PART
from cior_evidence.making import Maker
from cior_evidence.seal_settings import load_seal
from cior_evidence.shelf import Making, Progress, package_id
from cior_register import ledger
from cior_register.ledger import LedgerQuestion
from doubles.authorities import Authorities
from doubles.packages import START_MS, idle_ring
from doubles.requested import PEOPLE, Court, item
from engines.long_runs import often
from engines.source_tree import ROOT

CHILD = Path(__file__).with_name("making_child.py")
LIMIT_S = 120


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Elliptic keys, which are quick."""
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture
def court(tmp_path: Path, footage_ring: Path, quick: Authorities) -> Iterator[Court]:
    made = Court(tmp_path, footage_ring, quick)
    yield made
    made.register.close()


def progress(court: Court) -> Progress:
    return court.shelf.progress(package_id(court.request))


def verified(court: Court, quick: Authorities) -> tuple[int, dict[str, Any]]:
    """The ZIP on the shelf, unpacked, by its own ``verify.py``: its exit code and the request that it states."""
    name = package_id(court.request).lower()
    with zipfile.ZipFile(court.shelf.archive(name)) as archived:
        archived.extractall(court.folder / "afuera")
    folder = court.folder / "afuera" / name
    command: list[str | Path] = [
        sys.executable,
        "-I",
        "-S",
        folder / "verify.py",
        folder,
        "--root",
        quick.folder / "raiz.pem",
    ]
    ran = subprocess.run(
        [*command, "--digest", court.request.package], capture_output=True, check=False, timeout=LIMIT_S
    )
    assert not ran.returncode, ran.stdout.decode() + ran.stderr.decode()
    stated: dict[str, Any] = msgspec.json.decode((folder / "bag/meta/solicitud.json").read_bytes())
    return ran.returncode, stated


def test_law_9_what_was_ordered_is_built_sealed_and_told_in_the_builders_name(
    court: Court, quick: Authorities
) -> None:
    court.begin()
    court.maker.look()
    assert not court.shelf.out.exists()  # nobody approved, nobody ordered
    court.approved()
    court.maker.look()
    request = court.request
    assert (request.state, request.answer) == (RequestStatus.SEALED, Answer.PARTIAL)
    missing = [
        (each.span.since_s - START_MS // 1000, each.span.until_s - START_MS // 1000, each.cause)
        for each in request.asked[0].missing
    ]
    assert missing == [(8, 12, "camera_down")]
    told = progress(court)
    assert (told.state, told.digest) == (Making.READY, request.package)
    assert told.size_bytes == court.shelf.archive(told.name).stat().st_size
    code, stated = verified(court, quick)
    assert code == 0
    assert [stated[who]["nombre"] for who in ("pedida_por", "aprobada_por", "armada_por")] == [
        "Fiscal", "Jefa", "Archivo",
    ]  # fmt: skip
    built = [each for each in court.acts if isinstance(each, a.Assemble | a.Seal)]
    assert [(each.by, each.hand) for each in built] == [("p-archivo", PART)] * 2
    rows = [row.entry for row in court.register.read_now(lambda c: ledger.rows(c, LedgerQuestion()))]
    mine = [
        (each.act, each.actor, each.purpose) for each in reversed(rows) if each.detail.get("hand") == PART
    ]
    assert mine == [
        ("request.gather", "p-archivo", "judicial_request"),
        ("request.assemble", "p-archivo", "request_handling"),
        ("request.seal", "p-archivo", "request_handling"),
    ]
    assert court.is_replayed
    before = court.shelf.archive(told.name).stat().st_mtime_ns
    court.maker.look()
    assert court.shelf.archive(told.name).stat().st_mtime_ns == before


def test_law_15_while_the_authority_is_away_it_is_assembled_said_and_never_sealed(
    court: Court, quick: Authorities
) -> None:
    def away(_query: bytes) -> bytes:
        raise SourceUnavailable("seal.tsa_away", "no answer", cure="wait")

    court.begin()
    court.approved()
    Maker(msgspec.structs.replace(court.shop, place=lambda: court.place(ask=away))).look()
    told = progress(court)
    assert (told.state, told.code, told.cure, told.phase) == (Making.WAITING, "seal.tsa_away", "wait", "seal")
    assert (court.request.state, court.request.package) == (RequestStatus.ASSEMBLED, "")
    assert told.size_bytes > 1_000
    assert not court.shelf.archive(told.name).exists()
    court.rename("p-jefa", "Jefa Segunda")  # what was begun goes on as it was begun
    court.maker.look()
    assert (court.request.state, progress(court).state) == (RequestStatus.SEALED, Making.READY)
    assert len([each for each in court.acts if isinstance(each, a.Assemble)]) == 1
    code, stated = verified(court, quick)
    assert (code, stated["aprobada_por"]["nombre"]) == (0, PEOPLE["p-jefa"])


def test_a_clock_that_is_wrong_waits_until_somebody_sets_it(court: Court, quick: Authorities) -> None:
    court.begin()
    court.approved()
    late_ms = court.shop.now_ms() + 3_600_000
    Maker(msgspec.structs.replace(court.shop, place=lambda: court.place(now_ms=lambda: late_ms))).look()
    assert (progress(court).state, progress(court).code) == (Making.WAITING, "seal.clock")
    court.maker.look()
    assert court.request.state is RequestStatus.SEALED


def test_a_module_that_refuses_its_pin_is_not_asked_again(court: Court, quick: Authorities) -> None:
    tries = []

    def refused() -> Any:
        from cior_core.errors import CredentialsRefused

        tries.append(1)
        raise CredentialsRefused("seal.pin", "refused", cure="check the PIN file")

    court.begin()
    court.approved()
    maker = Maker(msgspec.structs.replace(court.shop, place=refused))
    for _ in range(3):
        maker.look()
    assert (len(tries), progress(court).state, progress(court).code) == (1, Making.STOPPED, "seal.pin")
    Maker(msgspec.structs.replace(court.shop, place=refused)).look()
    assert len(tries) == 1
    court.take(a.Build("p-mesa", court.shop.now_ms()))
    court.maker.look()
    assert court.request.state is RequestStatus.SEALED


def test_nothing_found_is_not_told_while_a_ring_is_not_here_to_be_asked(court: Court) -> None:
    away = court.folder / "lejos"
    maker = Maker(msgspec.structs.replace(court.shop, rings=(*court.shop.rings, away)))
    court.begin(item(since_s=9, until_s=11), item("cam-9"), alerts=())
    court.approved()
    maker.look()
    assert (progress(court).state, progress(court).code) == (Making.WAITING, "ring.away")
    idle_ring(away)
    maker.look()
    assert (progress(court).state, progress(court).code) == (Making.STOPPED, "package.nothing_found")


def test_nothing_found_is_told_and_its_certificate_is_sealed_like_any_other(
    court: Court, quick: Authorities
) -> None:
    court.begin(item(since_s=9, until_s=11), item("cam-9"), alerts=())
    court.approved()
    court.maker.look()
    assert (progress(court).state, progress(court).code) == (Making.STOPPED, "package.nothing_found")
    assert court.request.state is RequestStatus.APPROVED
    nothing = a.FindNothing("p-archivo", court.shop.now_ms(), "camera_down", "anillo norte")
    court.take(nothing, a.Build("p-archivo", court.shop.now_ms()))
    court.maker.look()
    request = court.request
    assert (request.state, request.answer, bool(request.package)) == (
        RequestStatus.NEGATIVE, Answer.NEGATIVE, True,
    )  # fmt: skip
    code, stated = verified(court, quick)
    assert (code, stated["tipo"]) == (0, "constancia_negativa")
    assert {each["codigo"] for each in stated["negativas"]} == {"camara_caida"}
    assert "anillo norte" in stated["negativas"][0]["explicacion"]
    copy = a.Deliver("p-mesa", court.shop.now_ms(), "p-fiscal", "fiscalía", request.package)
    assert court.take(copy).state is RequestStatus.DELIVERED


def test_what_was_refused_is_named_in_the_package_and_not_in_it(court: Court, quick: Authorities) -> None:
    court.begin(item(), item("cam-9"), item(since_s=5, until_s=7))
    court.approved(denied=(a.Denied(1, "outside_scope"),))
    court.maker.look()
    code, stated = verified(court, quick)
    assert (code, court.request.answer) == (0, Answer.PARTIAL)
    assert [(each["camara"], each["codigo"]) for each in stated["negativas"]] == [
        ("cam-9", "fuera_de_alcance")
    ]
    assert [each["camara"] for each in stated["alcance"]] == ["cam-7", "cam-9"]  # what overlaps is asked once


def test_an_order_that_fell_while_it_was_built_is_not_sealed(court: Court, quick: Authorities) -> None:
    court.begin()
    court.approved()
    conflict = a.DeclareConflict("p-jefa", court.shop.now_ms(), "p-jefa", "vecina")

    def falls() -> Any:
        court.take(conflict)
        return court.place()

    name = package_id(court.request)
    Maker(msgspec.structs.replace(court.shop, place=falls)).look()
    assert (court.request.state, court.request.package) == (RequestStatus.UNDER_REVIEW, "")
    assert (court.shelf.progress(name).state, court.shelf.progress(name).code) == (
        Making.STOPPED, "package.superseded",
    )  # fmt: skip
    assert not court.shelf.archive(name).exists()
    court.take(a.Approve("p-archivo", court.shop.now_ms()), a.Build("p-mesa", court.shop.now_ms()))
    court.maker.look()
    assert (court.request.state, package_id(court.request)) == (RequestStatus.SEALED, f"{name[:-1]}2")
    left = [path.name for path in court.shelf.out.iterdir() if path.name.endswith(".armando")]
    assert left == []


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.crash
@pytest.mark.timeout(300)
def test_killed_between_any_two_steps_it_goes_on_and_each_act_stands_once(
    tmp_path: Path, footage_ring: Path, quick: Authorities
) -> None:
    lived = child(tmp_path / "whole", footage_ring, quick, 10_000)
    assert lived.returncode == 0, lived.stderr
    steps = int(lived.stdout.split()[-1])
    assert steps >= 8
    # Before the register hears of it, at its seal, at the very end; under `make long` before every step.
    for left in sorted({steps // 3, 2 * steps // 3, steps - 2, *range(often(0, long=steps))}):
        folder = tmp_path / f"killed-{left}"
        assert child(folder, footage_ring, quick, left).returncode == -signal.SIGKILL, left
        court = Court(folder, footage_ring, quick)
        try:
            court.maker.look()
            assert (court.request.state, progress(court).state) == (RequestStatus.SEALED, Making.READY), left
            assert progress(court).digest == court.request.package
            kinds = [type(each) for each in court.acts]
            assert (kinds.count(a.Assemble), kinds.count(a.Seal)) == (1, 1)
            assert court.is_replayed
            assert verified(court, quick)[0] == 0
        finally:
            court.register.close()


def child(folder: Path, ring: Path, quick: Authorities, left: int) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    return subprocess.run(
        [sys.executable, CHILD, folder, ring, quick.folder, str(left)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip


def test_a_corrected_seal_file_counts_without_a_restart(court: Court, quick: Authorities) -> None:
    court.begin()
    court.approved()
    path = court.folder / "sello.toml"

    def by_file() -> Any:
        return court.place(settings=load_seal(path))

    maker = Maker(msgspec.structs.replace(court.shop, place=by_file))
    maker.look()
    assert (progress(court).state, progress(court).code) == (Making.WAITING, "seal.file")
    text = (quick.folder / "sello.toml").read_text()
    for name in ("sello.pem", "raiz.pem", "intermedia.pem", "ca.crl", "sello.key"):
        text = text.replace(f'"{name}"', f'"{quick.folder / name}"')
    path.write_text(text)
    maker.look()
    assert court.request.state is RequestStatus.SEALED
