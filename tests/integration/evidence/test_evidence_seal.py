"""The seal: what a court's tools say of it, and everything that must keep a package from being sealed."""

from __future__ import annotations

import errno
import hashlib
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import rfc3161_client
from cryptography.hazmat.primitives.serialization import Encoding

from cior_core import checkpoint, integrity
from cior_core.canonical import canonical
from cior_core.errors import CapacityExhausted, CiorError, ConfigInvalid, IntegrityBroken, SourceUnavailable
from cior_evidence import packing
from cior_evidence.act import STEPS
from cior_evidence.packing import Package, Packing
from cior_evidence.records_in import RawBytes
from cior_evidence.seal_settings import load_seal
from cior_evidence.stored_archive import archive
from cior_evidence.time_stamping import Tsa, over_http
from doubles.authorities import Authorities, tsa_over_http
from doubles.packages import SomeRecords, place, read, signing, sources
from engines.softhsm import LABEL, PIN, SoftHsm
from engines.source_tree import ROOT

PRINTED = (ROOT / "docs" / "paquete.md").read_text(encoding="utf-8")


def steps(text: str) -> list[str]:
    """The commands that an expert is told to type."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith(("cd bag", "sha256sum", "openssl"))]


def by_hand(folder: Path, commands: list[str], root: Path) -> list[subprocess.CompletedProcess[str]]:
    return [
        subprocess.run(
            command.removeprefix("cd bag && ").replace("raiz.pem", str(root)),
            shell=True, cwd=folder / "bag", capture_output=True, text=True, check=False, timeout=60,
        )
        for command in commands
        if command != "cd bag"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [PRINTED, (ROOT / "evidence/cior_evidence/LEEME.txt").read_text(encoding="utf-8"), "\n".join(STEPS)],
    ids=["paquete.md", "LEEME.txt", "acta.pdf"],
)
def test_every_step_that_is_printed_verifies_a_package(
    package: Package, authorities: Authorities, text: str
) -> None:
    done = by_hand(package.folder, steps(text), authorities.folder / "raiz.pem")
    assert len(done) == 3
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]


def test_without_binary_openssl_refuses_a_good_package(package: Package, authorities: Authorities) -> None:
    """Why the printed command is printed whole: openssl would turn LF into CR LF."""
    plain = [line.replace(" -binary", "") for line in steps(PRINTED) if "cms -verify" in line]
    assert by_hand(package.folder, plain, authorities.folder / "raiz.pem")[0].returncode != 0


def test_openssl_says_cades_and_finds_the_inner_time_stamp(
    package: Package, authorities: Authorities
) -> None:
    strict = [line.replace("-verify", "-verify -cades") for line in steps(PRINTED) if "cms -verify" in line]
    done = by_hand(package.folder, strict, authorities.folder / "raiz.pem")[0]
    assert "Verification successful" in done.stderr
    shown = subprocess.run(
        ["openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", package.folder / "sello/tagmanifest.p7s"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "id-smime-aa-timeStampToken" in shown.stdout
    assert "id-smime-aa-signingCertificateV2" in shown.stdout


def test_another_root_verifies_nothing(package: Package, tmp_path: Path) -> None:
    other = Authorities(tmp_path, is_elliptic=True)
    done = by_hand(package.folder, steps(PRINTED), other.folder / "raiz.pem")
    assert [each.returncode == 0 for each in done] == [True, False, False]


def test_the_custody_ends_in_the_ledger_under_a_signed_checkpoint(package: Package) -> None:
    lines = [
        msgspec.json.decode(line)
        for line in (package.folder / "bag/meta/custodia.jsonl").read_bytes().splitlines()
    ]
    previous = hashlib.sha256(b"CIOR-Bag-1\nSF-2026-000123\n").hexdigest()
    for line in lines:
        said = line.pop("hash")
        assert line["previo"] == previous
        previous = hashlib.sha256(canonical(line)).hexdigest()
        assert said == previous
    stated = msgspec.json.decode((package.folder / "sello/inclusion.json").read_bytes())
    assert stated["hoja"] == previous
    note = checkpoint.read_note((package.folder / "sello/checkpoint.txt").read_text(encoding="utf-8"))
    assert note.size == stated["tamano"]
    proof = [bytes.fromhex(each) for each in stated["prueba"]]
    assert integrity.verify_inclusion(
        previous.encode(), index=stated["indice"], size=note.size, proof=proof, root=note.root
    )
    assert note.key == signing().origin


def test_the_zip_is_stored_and_the_same_twice(package: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(package.archive) as found:
        assert {each.compress_type for each in found.infolist()} == {zipfile.ZIP_STORED}
        assert {each.filename.split("/")[0] for each in found.infolist()} == {"sf-2026-000123"}
        assert found.comment == b""
    archive(package.folder, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == package.archive.read_bytes()
    assert package.archive.read_bytes()[:4] == b"PK\x03\x04"


def test_the_chain_has_no_root_and_the_lists_are_embedded(package: Package, authorities: Authorities) -> None:
    chain = (package.folder / "sello/cadena.pem").read_text()
    subjects = subprocess.run(
        ["openssl", "storeutl", "-noout", "-text", "-certs", package.folder / "sello/cadena.pem"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert set(re.findall(r"Subject: CN ?= ?(.+)", subjects)) == {
        "Sello de CIOR",
        "AC de prueba",
        "Autoridad de tiempo",
    }
    assert chain.count("BEGIN CERTIFICATE") == 3
    assert (package.folder / "sello/crl/0001.crl").read_bytes() == (
        authorities.folder / "ca.crl"
    ).read_bytes()


def test_an_answer_that_is_no_strict_der_is_kept_and_verified_all_the_same(tmp_path: Path) -> None:
    """openssl does not sort the certificates of a token; a court's tools take it, so must we."""
    authority = Authorities(tmp_path, brings_chain=True)
    settings = load_seal(tmp_path / "sello.toml")
    stamp = Tsa(settings, authority.answer).stamp(b"a signature")
    with pytest.raises(ValueError, match="InvalidSetOrdering"):
        rfc3161_client.decode_timestamp_response(stamp.response)
    assert not stamp.is_der
    (tmp_path / "data").write_bytes(b"a signature")
    (tmp_path / "kept.tsr").write_bytes(stamp.response)
    subprocess.run(
        ["openssl", "ts", "-verify", "-data", "data", "-in", "kept.tsr", "-CAfile", "raiz.pem"],
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_a_strict_answer_is_read_strictly_over_http(authorities: Authorities) -> None:
    with tsa_over_http(authorities) as url:
        settings = load_seal(authorities.folder / "sello.toml")
        there = msgspec.structs.replace(settings, file=msgspec.structs.replace(settings.file, tsa_url=url))
        assert Tsa(there, over_http(there)).stamp(b"a signature").is_der


@pytest.mark.parametrize("brings_chain", [False, True])
def test_a_token_over_other_bytes_or_of_another_root_is_refused(tmp_path: Path, brings_chain: bool) -> None:
    ours = Authorities(tmp_path / "ours", is_elliptic=True)
    theirs = Authorities(tmp_path / "theirs", is_elliptic=True, brings_chain=brings_chain)
    with pytest.raises(IntegrityBroken, match=r"seal\.tsa_token"):
        Tsa(load_seal(ours.folder / "sello.toml"), theirs.answer).stamp(b"a signature")


def test_a_key_in_a_security_module_seals(
    tmp_path: Path, authorities: Authorities, softhsm: SoftHsm, footage_ring: Path
) -> None:
    softhsm.bring(authorities.folder / "sello.key", "sello")
    (tmp_path / "pin").write_text(PIN)
    table = f'[hsm]\nmodule = "{softhsm.library}"\ntoken = "{LABEL}"\nlabel = "sello"\npin_file = "pin"'
    for name in ("sello.pem", "raiz.pem", "intermedia.pem", "ca.crl"):
        (tmp_path / name).write_bytes((authorities.folder / name).read_bytes())
    seal_file = tmp_path / "sello.toml"
    text = (authorities.folder / "sello.toml").read_text().replace('key = "sello.key"', table)
    seal_file.write_text(text)
    settings = load_seal(seal_file)
    made = Packing(place(tmp_path, authorities, settings=settings), read(), sources(footage_ring)).run()
    done = by_hand(made.folder, steps(PRINTED), authorities.folder / "raiz.pem")
    assert [each.returncode for each in done] == [0, 0, 0]
    (tmp_path / "pin").write_text("000000")
    with pytest.raises(CiorError, match=r"seal\.pin"):
        Packing(
            place(tmp_path / "other", authorities, settings=settings), read(), sources(footage_ring)
        ).run()


# --- what keeps it from being sealed ------------------------------------------------------------------------


def delivered(folder: Path) -> list[str]:
    """What anybody could take for a package."""
    return sorted(path.name for path in (folder / "paquetes").iterdir() if not path.name.startswith("."))


def test_without_the_authority_it_waits_and_is_the_same_bag_later(
    tmp_path: Path, authorities: Authorities, footage_ring: Path
) -> None:
    away = place(tmp_path, authorities, ask=over_http(load_seal(authorities.folder / "sello.toml")))
    with pytest.raises(SourceUnavailable) as refusal:
        Packing(away, read(), sources(footage_ring)).run()
    assert refusal.value.code == "seal.tsa_away"
    assert delivered(tmp_path) == []
    waiting = (tmp_path / "paquetes/.sf-2026-000123.armando/bag/tagmanifest-sha256.txt").read_bytes()
    made = Packing(place(tmp_path, authorities), read(), sources(footage_ring)).run()
    assert (made.folder / "bag/tagmanifest-sha256.txt").read_bytes() == waiting
    assert delivered(tmp_path) == ["sf-2026-000123", "sf-2026-000123.zip"]


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_wrong_clock_at_the_seal_is_refused(
    tmp_path: Path, authorities: Authorities, footage_ring: Path, hours: int
) -> None:
    right = place(tmp_path, authorities).now_ms
    wrong = place(tmp_path, authorities, now_ms=lambda: right() + hours * 3_600_000)
    with pytest.raises(ConfigInvalid) as refusal:
        Packing(wrong, read(), sources(footage_ring)).run()
    assert refusal.value.code == "seal.clock"
    assert delivered(tmp_path) == []


def test_a_revoked_seal_seals_nothing(tmp_path: Path, footage_ring: Path) -> None:
    authority = Authorities(tmp_path / "autoridades", is_elliptic=True)
    authority.revoke(authority.certificate("sello.pem"))
    with pytest.raises(ConfigInvalid) as refusal:
        Packing(place(tmp_path, authority), read(), sources(footage_ring)).run()
    assert refusal.value.code == "seal.untrusted"
    assert delivered(tmp_path) == []


def test_a_seal_whose_certificate_has_ended_seals_nothing(tmp_path: Path, footage_ring: Path) -> None:
    authority = Authorities(tmp_path / "autoridades", is_elliptic=True, lasts_days=-1)
    with pytest.raises(ConfigInvalid) as refusal:
        Packing(place(tmp_path, authority), read(), sources(footage_ring)).run()
    assert refusal.value.code == "seal.untrusted"
    assert delivered(tmp_path) == []


@pytest.mark.parametrize("module", ["/nowhere/module.so", ""], ids=["no module", "no token"])
def test_a_security_module_that_is_away_is_asked_again_later(
    tmp_path: Path, footage_ring: Path, softhsm: SoftHsm, module: str
) -> None:
    authority = Authorities(tmp_path / "autoridades", is_elliptic=True)
    (authority.folder / "pin").write_text(PIN)
    table = (
        f'[hsm]\nmodule = "{module or softhsm.library}"\ntoken = "away"\nlabel = "sello"\npin_file = "pin"'
    )
    settings = load_seal(authority.seal_file(key=table))
    with pytest.raises(SourceUnavailable) as refusal:
        Packing(place(tmp_path, authority, settings=settings), read(), sources(footage_ring)).run()
    assert refusal.value.code == "seal.hsm_away"
    assert delivered(tmp_path) == []
    authority.seal_file()
    assert Packing(place(tmp_path, authority), read(), sources(footage_ring)).run().archive.is_file()


def test_law_8_raw_bytes_that_are_not_those_received_stop_the_package(
    tmp_path: Path, authorities: Authorities, footage_ring: Path
) -> None:
    class Changed(SomeRecords):
        def raws(self) -> Iterator[RawBytes]:
            for each in super().raws():
                yield msgspec.structs.replace(each, payload=each.payload + b"!")

    with pytest.raises(IntegrityBroken) as refusal:
        Packing(place(tmp_path, authorities), read(), sources(footage_ring, records=Changed())).run()
    assert refusal.value.code == "package.raw_changed"
    assert delivered(tmp_path) == []


def test_a_full_disk_at_the_seal_delivers_nothing_and_goes_on_later(
    tmp_path: Path, authorities: Authorities, footage_ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(packing, "_write", full)
        with pytest.raises(CapacityExhausted) as refusal:
            Packing(place(tmp_path, authorities), read(), sources(footage_ring)).run()
    assert refusal.value.code == "package.disk_full"
    assert delivered(tmp_path) == []
    assert Packing(place(tmp_path, authorities), read(), sources(footage_ring)).run().archive.is_file()


def test_a_byte_changed_while_it_waits_is_never_sealed(
    tmp_path: Path, authorities: Authorities, footage_ring: Path
) -> None:
    away = place(tmp_path, authorities, ask=over_http(load_seal(authorities.folder / "sello.toml")))
    with pytest.raises(SourceUnavailable):
        Packing(away, read(), sources(footage_ring)).run()
    video = next((tmp_path / "paquetes").rglob("*.mp4"))
    video.write_bytes(bytes([video.read_bytes()[0] ^ 1]) + video.read_bytes()[1:])
    with pytest.raises(IntegrityBroken) as refusal:
        Packing(place(tmp_path, authorities), read(), sources(footage_ring)).run()
    assert refusal.value.code == "package.changed"
    assert delivered(tmp_path) == []


def test_a_package_that_waited_is_sealed_by_the_certificate_that_it_names_alone(
    tmp_path: Path, authorities: Authorities, footage_ring: Path
) -> None:
    """What is in the bag is compared by verifiers: another certificate, changed meanwhile, would look like a theft."""
    away = place(tmp_path, authorities, ask=over_http(load_seal(authorities.folder / "sello.toml")))
    with pytest.raises(SourceUnavailable):
        Packing(away, read(), sources(footage_ring)).run()
    other = Authorities(tmp_path / "otra")
    with pytest.raises(ConfigInvalid) as refusal:
        Packing(place(tmp_path, other), read(), sources(footage_ring)).run()
    assert refusal.value.code == "package.other_certificate"
    assert delivered(tmp_path) == []
    made = Packing(place(tmp_path, authorities), read(), sources(footage_ring)).run()
    said = msgspec.json.decode((made.folder / "bag/meta/herramientas.json").read_bytes())
    der = authorities.certificate("sello.pem").public_bytes(Encoding.DER)
    assert said["sello"] == {"certificado_sha256": hashlib.sha256(der).hexdigest()}
    assert set(said["verificadores"]) == {path.name for path in made.folder.iterdir() if path.is_file()}


def test_law_15_another_order_under_the_same_id_is_refused(
    package: Package, authorities: Authorities
) -> None:
    folder = package.folder.parent.parent
    other = read(cuij="21-00000000-1")
    with pytest.raises(IntegrityBroken) as refusal:
        Packing(place(folder, authorities), other, sources(folder / "anillo")).run()
    assert refusal.value.code == "package.other_order"
