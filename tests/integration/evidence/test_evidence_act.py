"""The act: the signed file, as courts and readers of screens get it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from cior_evidence import act
from cior_evidence.packing import Package, Packing
from cior_evidence.seal_keys import signer
from cior_evidence.seal_settings import load_seal
from cior_evidence.time_stamping import Tsa
from doubles.authorities import Authorities
from doubles.packages import order, place, read, small_package, sources
from engines.verapdf import VeraPdf

SCOPE = order()["alcance"][0]


def negative_order() -> dict[str, Any]:
    reason = {
        "camara": SCOPE["camara"], "desde": SCOPE["desde"], "hasta": SCOPE["hasta"], "codigo": "retencion_vencida",
        "explicacion": "Ñandú «áéíóú»: <b>nada</b> #panic() $x$ @a", "hoja": "ab" * 32,
    }  # fmt: skip
    return {"negativas": [reason], "eventos": None, "paquete": "SF-2026-000124"}


def streams(pdf: bytes) -> list[bytes]:
    """Every stream of a PDF, inflated where that can be done."""
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\n?endstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            found.append(match[1])
    return found


def test_the_signed_act_is_pdf_a_3a_and_pdf_ua_1(package: Package, verapdf: VeraPdf) -> None:
    said = verapdf.check(package.folder / "sello/acta.pdf", "3a", "ua1")
    assert said.split() == ["3a", "PASS", "ua1", "PASS"], said


def test_without_the_end_of_line_the_same_signature_breaks_the_form(
    package: Package, authorities: Authorities, verapdf: VeraPdf, tmp_path: Path
) -> None:
    """Typst ends at %%EOF; the trap that we step around, and the proof that the validator can say no."""
    pdf = (package.folder / "sello/acta.pdf").read_bytes()
    settings = load_seal(authorities.folder / "sello.toml")
    with signer(settings) as key:
        made = act.signed(pdf[: pdf.index(b"%%EOF") + 5], key, Tsa(settings, authorities.answer))
    (tmp_path / "trapped.pdf").write_bytes(made)
    said = verapdf.check(tmp_path / "trapped.pdf", "3a")
    assert said.startswith("3a FAIL")
    assert "6.1.9-1" in said


def test_a_negative_certificate_is_sealed_like_a_delivery_and_passes_too(
    tmp_path: Path, authorities: Authorities, verapdf: VeraPdf
) -> None:
    made = small_package(tmp_path, authorities, **negative_order())
    said = verapdf.check(made.folder / "sello/acta.pdf", "3a", "ua1")
    assert said.split() == ["3a", "PASS", "ua1", "PASS"], said
    assert not list(made.folder.rglob("*.mp4"))
    assert b"retencion_vencida" in (made.folder / "bag/data/negativas.jsonl").read_bytes()
    assert b'"tipo":"constancia_negativa"' in (made.folder / "bag/meta/solicitud.json").read_bytes()


def test_the_act_of_a_copy_says_that_it_is_one_and_passes_too(
    tmp_path: Path, footage_ring: Path, authorities: Authorities, verapdf: VeraPdf
) -> None:
    """Both kinds in their own words; the redacted one without a picture, since its words are what is looked at."""
    for kind, named in (("copia_de_vista", "SF-C1"), ("copia_velada", "SF-C2")):
        told = read(paquete=named, copia=kind, deriva_de="ab" * 32, eventos=None)
        made = Packing(place(tmp_path, authorities), told, sources(footage_ring)).run()
        said = verapdf.check(made.folder / "sello/acta.pdf", "3a", "ua1")
        assert said.split() == ["3a", "PASS", "ua1", "PASS"], said
        assert f'"tipo":"{kind}"'.encode() in (made.folder / "bag/meta/solicitud.json").read_bytes()


def test_who_signs_the_act_signs_the_tag_manifest(package: Package) -> None:
    pdf = (package.folder / "sello/acta.pdf").read_bytes()
    assert (package.folder / "bag/tagmanifest-sha256.txt").read_bytes() in streams(pdf)


def test_the_signature_covers_the_whole_file_and_openssl_takes_it(
    package: Package, authorities: Authorities, tmp_path: Path
) -> None:
    pdf = (package.folder / "sello/acta.pdf").read_bytes()
    found = re.search(rb"/ByteRange ?\[ ?(\d+) (\d+) (\d+) (\d+)", pdf)
    assert found is not None
    first, length, second, rest = map(int, found.groups())
    assert (first, second + rest) == (0, len(pdf))
    (tmp_path / "content").write_bytes(pdf[:length] + pdf[second:])
    (tmp_path / "signature").write_bytes(bytes.fromhex(pdf[length + 1 : second - 1].decode()))
    subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "signature", "-content", "content",
         "-CAfile", authorities.folder / "raiz.pem", "-out", "out"],
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_words_of_an_order_are_words_and_never_markup(tmp_path: Path, authorities: Authorities) -> None:
    """A title in the typesetter's own language opens no file and breaks no act."""
    title = '#read("/etc/passwd") *x* _y_ ] [ // $ @ref <label> "\U0001f600\u6f22\x90'
    asked = {**order()["solicitud"], "caratula": title}
    made = Packing(place(tmp_path, authorities), read(alcance=[], solicitud=asked), sources(tmp_path)).run()
    pdf = (made.folder / "sello/acta.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"root:" not in b"".join(streams(pdf))


def test_a_printed_command_is_not_broken_within_an_option_or_a_path(package: Package) -> None:
    """Who types ``- out`` from paper gets an error of openssl's and doubts the package."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("pdftotext (poppler) is not on this machine; the words are boxed all the same")
    run = subprocess.run(
        [reader, "-layout", package.folder / "sello/acta.pdf", "-"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    printed = run.stdout.split()
    for step in act.STEPS:
        words = step.split()
        assert [word for word in words if word not in printed] == []
        at = [n for n in range(len(printed)) if printed[n : n + len(words)] == words]
        assert len(at) == 1, step
