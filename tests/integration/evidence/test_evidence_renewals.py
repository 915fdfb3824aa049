"""Yearly renewals: made by the real builder and a real ``openssl ts``, believed by verify.py and by openssl alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import tsp
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cior.cli import main
from cior_core.errors import ConfigInvalid, IntegrityBroken, SourceUnavailable
from cior_evidence import renewal, verify
from cior_evidence.packing import Package
from cior_evidence.renewal import Need, Standing, standing
from cior_evidence.seal_settings import SealSettings, load_seal
from cior_evidence.time_stamping import Ask, over_http
from doubles.authorities import Authorities, tsa_over_http
from engines.source_tree import ROOT
from integration.evidence.authorities import SEALED_AT, SEALING, STAMPING, Holder, issue, pki, stamper
from integration.evidence.package_rig import draft, ledger_key
from integration.evidence.renewal_rig import Renewal, renewed
from integration.evidence.tampering import TAMPERINGS

DAY_MS = 86_400_000
AT_ONCE = "renew_after_days = 0.000001\n"


@pytest.fixture
def settings(authorities: Authorities, tmp_path: Path) -> Iterator[SealSettings]:
    """The session's authority, running, in a seal file of the test's own by which everything is due at once."""
    with tsa_over_http(authorities) as url:
        yield load_seal(seal_file(authorities, tmp_path, url=url, more=AT_ONCE))


def seal_file(authorities: Authorities, folder: Path, *, url: str, more: str = "") -> Path:
    for name in ("sello.pem", "raiz.pem", "intermedia.pem", "ca.crl"):
        shutil.copy(authorities.folder / name, folder / name)
    (folder / "sello.key").touch(mode=0o600)
    text = (authorities.folder / "sello.toml").read_text().replace("http://127.0.0.1:9/", url)
    (folder / "sello.toml").write_text(more + text)
    return folder / "sello.toml"


@pytest.fixture
def sealed(package: Package, tmp_path: Path) -> Path:
    """A copy of the session's package, with its ZIP, which a test may change."""
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(package.archive, out)
    return Path(shutil.copytree(package.folder, out / package.folder.name))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def codes(path: Path, root: Path, capsys: pytest.CaptureFixture[str], *, weight: str = "error") -> set[str]:
    verify.main([str(path), "--root", str(root), "--json"])
    return {
        each["code"] for each in json.loads(capsys.readouterr().out)["findings"] if each["weight"] == weight
    }


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def next_second() -> None:
    """``openssl ts`` counts whole seconds, and a stamp must be later than the one before it."""
    time.sleep(1.05 - time.time() % 1)


def renewed_now(folder: Path, settings: SealSettings, ask: Ask | None = None) -> Standing:
    next_second()
    return renewal.renew(standing(folder, settings), settings, ask or over_http(settings), now_ms=now_ms())


def test_a_package_is_renewed_and_no_sealed_byte_changes(
    sealed: Path, settings: SealSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(sealed)
    first, second = renewed_now(sealed, settings), renewed_now(sealed, settings)
    after = contents(sealed)
    assert {path: after[path] for path in before} == before
    assert {path.split("/")[2] for path in after.keys() - before.keys()} == {
        time.strftime("%Y", time.gmtime(first.stamped_ms / 1000)),
        time.strftime("%Y-02", time.gmtime(second.stamped_ms / 1000)),
    }
    assert (first.renewals, second.renewals) == (1, 2)
    assert second.stamped_ms > first.stamped_ms
    root = settings.folder / "raiz.pem"
    for path in (sealed, renewal.archive_of(sealed)):
        assert codes(path, root, capsys) == set()
    shutil.rmtree(next(iter(sorted((sealed / renewal.FOLDER).iterdir()))))
    assert codes(sealed, root, capsys) == {"renewal.dropped"}


def test_sha512sum_and_openssl_alone_believe_the_renewals(sealed: Path, settings: SealSettings) -> None:
    """By the commands of docs/perito.md, as they stand there."""
    renewed_now(sealed, settings)
    done = by_hand(sealed, settings.folder / "raiz.pem")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = next((sealed / renewal.FOLDER).rglob(renewal.LIST))
    listed.write_bytes(listed.read_bytes()[:-1] + b" \n")
    assert by_hand(sealed, settings.folder / "raiz.pem").returncode != 0


def by_hand(folder: Path, root: Path) -> subprocess.CompletedProcess[str]:
    page = (ROOT / "docs" / "perito.md").read_text(encoding="utf-8")
    script = page.split("<!-- renovaciones a mano -->")[1].split("```")[1].removeprefix("sh\n")
    assert "openssl ts" in script
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"RAIZ={root}\n{script}"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_certificates_that_ended_years_ago_do_not_matter_once_renewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sealed with certificates that have ended by now; renewed before they did, by an authority that lives."""
    ended = SEALED_AT + timedelta(days=2)
    whole = draft()
    ours = whole.pki
    whole.pki = dataclasses.replace(
        ours,
        signer=issue(dataclasses.replace(SEALING, until=ended), ours.middle),
        stamper=issue(dataclasses.replace(STAMPING, until=ended), ours.middle),
    )
    whole.tools["sello"] = {"certificado_sha256": hashlib.sha256(whole.pki.signer.der).hexdigest()}
    top = renewed(tmp_path, Renewal("2026", SEALED_AT + timedelta(days=1)), whole=whole)
    root = tmp_path / "raiz.pem"
    root.write_bytes(pki().root.pem)
    assert verify.main([str(top), "--root", str(root), "--ledger-key", ledger_key()]) == 0
    assert "renewal.overdue" not in capsys.readouterr().out
    today = openssl_says(top, root, "")
    then = openssl_says(top, root, f"-attime {int(SEALED_AT.timestamp()) + 2}")
    assert [each.returncode == 0 for each in today] == [False, False]
    assert [each.returncode for each in then] == [0, 0], [each.stderr for each in then]
    assert by_hand(top, root).returncode == 0


def openssl_says(top: Path, root: Path, at: str) -> list[subprocess.CompletedProcess[str]]:
    commands = [
        (
            f"openssl cms -verify -binary -inform DER -in sello/tagmanifest.p7s -content bag/tagmanifest-sha256.txt "
            f"-CAfile {root} {at} -out /dev/null"
        ),
        (
            f"openssl ts -verify -data sello/tagmanifest.p7s -in sello/tagmanifest.p7s.tsr -CAfile {root} "
            f"-untrusted sello/cadena.pem {at}"
        ),
    ]
    return [
        subprocess.run(each.split(), cwd=top, capture_output=True, text=True, check=False, timeout=60)
        for each in commands
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [("renewal_too_late", "renewal.late"), ("resealed_under_a_renewal", "renewal.digest")],
)
def test_law_15_a_renewal_too_late_and_a_seal_made_anew_are_named(
    name: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top, _ = TAMPERINGS[name](tmp_path)
    (tmp_path / "raiz.pem").write_bytes(pki().root.pem)
    assert codes(top, tmp_path / "raiz.pem", capsys) == {code}


def test_it_is_due_a_year_after_the_stamp_and_before_its_certificate_ends(
    sealed: Path, authorities: Authorities
) -> None:
    found = standing(sealed, load_seal(authorities.folder / "sello.toml"))
    chain = [authorities.certificate(name) for name in ("tsa.pem", "intermedia.pem")]
    ends_ms = round(min(each.not_valid_after_utc for each in chain).timestamp() * 1000)
    assert found.ends_ms == ends_ms
    assert found.due_ms == ends_ms - 60 * DAY_MS, "its certificate ends before a year is over"
    needs = [found.need(at) for at in (found.due_ms - 1, found.due_ms, ends_ms - 1, ends_ms)]
    assert needs == [Need.FRESH, Need.DUE, Need.DUE, Need.LATE]


def test_too_late_is_refused_and_nothing_is_touched(sealed: Path, settings: SealSettings) -> None:
    before, found = contents(sealed), standing(sealed, settings)
    with pytest.raises(IntegrityBroken, match=r"renewal\.late"):
        renewal.renew(found, settings, over_http(settings), now_ms=found.ends_ms)
    assert contents(sealed) == before


@pytest.mark.parametrize("path", ["bag/data/nativo/cam-7/0001.mp4", "sello/inclusion.json", "sello/acta.pdf"])
def test_law_8_what_is_broken_is_not_renewed(path: str, sealed: Path, settings: SealSettings) -> None:
    found = standing(sealed, settings)
    content = bytearray((sealed / path).read_bytes())
    content[len(content) // 2] ^= 1
    (sealed / path).write_bytes(content)
    with pytest.raises(IntegrityBroken, match=r"renewal\.broken"):
        renewal.renew(found, settings, over_http(settings), now_ms=now_ms())
    assert not (sealed / renewal.FOLDER).exists()


def test_an_authority_that_is_away_leaves_the_package_as_it_was(sealed: Path, settings: SealSettings) -> None:
    def away(query: bytes) -> bytes:
        raise SourceUnavailable("seal.tsa_away", "away", cure="wait")

    before = contents(sealed)
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            renewed_now(sealed, settings, away)
    assert contents(sealed) == before
    assert renewed_now(sealed, settings).renewals == 1


def test_a_wrong_clock_renews_nothing(sealed: Path, settings: SealSettings) -> None:
    found = standing(sealed, settings)
    with pytest.raises(ConfigInvalid, match=r"seal\.clock"):
        renewal.renew(found, settings, over_http(settings), now_ms=now_ms() + 3_600_000)
    assert not (sealed / renewal.FOLDER).exists()


def test_a_renewal_that_would_not_be_believed_is_taken_back(
    sealed: Path, settings: SealSettings, authorities: Authorities
) -> None:
    """Within the second of the stamp before it, it is not later than that one: nobody could tell their order."""
    first = renewed_now(sealed, settings)
    found = standing(sealed, settings)
    before = contents(sealed)
    key = load_pem_private_key((authorities.folder / "tsa.key").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    holder = Holder(authorities.certificate("tsa.pem"), key)
    stands_still = stamper(holder, datetime.fromtimestamp(first.stamped_ms / 1000, UTC))

    def ask(query: bytes) -> bytes:
        return bytes(stands_still.request_tsa_response(tsp.TimeStampReq.load(query)).dump())

    with pytest.raises(ConfigInvalid, match=r"renewal\.unproven.*renewal\.order"):
        renewal.renew(found, settings, ask, now_ms=first.stamped_ms)
    assert contents(sealed) == before


def test_a_kill_before_the_zip_is_mended_by_the_next_run(
    sealed: Path, settings: SealSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing catches it."""

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(renewal, "archive_head", killed)
        with pytest.raises(Killed):
            renewed_now(sealed, settings)
    assert standing(sealed, settings).renewals == 1
    renewal.mend_archive(sealed)
    with zipfile.ZipFile(renewal.archive_of(sealed)) as there:
        assert {name.split("/", 1)[1] for name in there.namelist()} == set(contents(sealed))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture
def asked(sealed: Path, settings: SealSettings) -> Callable[..., Result]:
    """The command on the copied package."""
    next_second()
    seal, out = settings.folder / "sello.toml", sealed.parent
    return lambda *more: run("evidence", "renew", "--seal", str(seal), "--out", str(out), *more)


def test_the_command_lists_what_is_due_and_renews_it(asked: Callable[..., Result], sealed: Path) -> None:
    told = asked("--list")
    assert told.exit_code == 1
    assert told.output.startswith(f"{sealed.name}  due  stamped ")
    assert not (sealed / renewal.FOLDER).exists()
    done = asked()
    assert done.exit_code == 0, done.output
    assert sealed.name in done.output
    assert len(list((sealed / renewal.FOLDER).iterdir())) == 1


def test_what_is_not_due_is_left_alone_unless_it_is_asked_for(
    asked: Callable[..., Result], sealed: Path, settings: SealSettings
) -> None:
    seal = settings.folder / "sello.toml"
    seal.write_text(seal.read_text().removeprefix(AT_ONCE))
    assert asked("--list").exit_code == 0
    assert asked().exit_code == 0
    assert not (sealed / renewal.FOLDER).exists()
    assert asked("--now", sealed.name).exit_code == 0
    assert (sealed / renewal.FOLDER).exists()


def test_one_package_that_is_broken_does_not_keep_the_others_from_being_renewed(
    asked: Callable[..., Result], sealed: Path
) -> None:
    other = Path(shutil.copytree(sealed, sealed.with_name("aa-rota")))
    (other / "bag/bag-info.txt").write_bytes(b"x\n")
    done = asked()
    assert done.exit_code == 2
    assert "renewal.broken" in done.output
    assert (sealed / renewal.FOLDER).exists()
    assert not (other / renewal.FOLDER).exists()


def test_a_name_that_is_no_package_is_refused(asked: Callable[..., Result]) -> None:
    assert "no sealed package nada" in asked("nada").output


def test_doctor_tells_what_is_due(sealed: Path, settings: SealSettings) -> None:
    """Of a centre that builds packages; one that builds none is told nothing."""
    config = settings.folder / "centre.toml"
    config.write_text('[centre]\nname = "Rosario"\n', encoding="utf-8")
    assert "time-stamp" not in run("doctor", "--config", str(config)).output
    config.write_text(config.read_text() + f'[evidence]\nseal = "sello.toml"\nout = "{sealed.parent}"\n')
    next_second()
    due = [line for line in run("doctor", "--config", str(config)).output.splitlines() if sealed.name in line]
    assert len(due) == 1
    assert due[0].startswith(f"warn  package {sealed.name}  due")
    seal = settings.folder / "sello.toml"
    seal.write_text(seal.read_text().removeprefix(AT_ONCE))
    assert "no sealed package needs another time-stamp" in run("doctor", "--config", str(config)).output
