"""The demo's last act: an order asks for what its camera saw and what its alarms sent, a sealed package answers, and a
stranger with nothing but Python and the root certificate believes it, and does not believe one that was touched.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from cior.evidence_command import LEDGER_KEY, Chosen, build, ledger_folder
from cior.settings import load
from cior_core.rfc3339 import to_rfc3339
from cior_demo.court import Court
from cior_evidence.packing import Package

FOLDER: Final = "justicia"
_VERIFY_S: Final = 120.0


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the order asks for, and where it is. Instants in UTC ms; the camera by its id in the catalogue."""

    folder: Path
    config: Path
    data: Path
    store: str
    ring: Path
    camera: str
    since_ms: int
    until_ms: int
    zone: str


class Verdict(msgspec.Struct, frozen=True):
    """What ``verify.py`` said: its exit code, and each finding's code with the path that it is about."""

    code: int
    findings: tuple[tuple[str, str], ...]


def answer(scene: Scene) -> list[str]:
    """Ask, answer, verify, and touch a copy; what is not right about it, in words."""
    folder = scene.folder / FOLDER
    court = Court(folder, at=dt.datetime.now(dt.UTC))
    order = folder / "orden.json"
    order.write_text(json.dumps(an_order(scene), ensure_ascii=False), encoding="utf-8")
    with court.open() as seal:
        chosen = Chosen(
            config=scene.config, data=scene.data, store=scene.store, ring=scene.ring, seal=seal, out=folder
        )  # fmt: skip
        package = build(order, chosen)
    outside = ("--root", str(court.root), "--ledger-key", _ledger_key(scene), "--digest", package.digest)
    good = verified(package.folder, outside)
    name, touched = _touched(package, folder / "tocado")
    bad = verified(touched, outside)
    tell(package, good, bad, name)
    return faults(good, bad, name)


def an_order(scene: Scene) -> dict[str, object]:
    """As a court's clerk would write it (``docs/paquete.md``, ``solicitud.json``): three people of the demo."""
    since, until = to_rfc3339(scene.since_ms), to_rfc3339(scene.until_ms)
    return {
        "paquete": "DEMO-0001",
        "cuij": "21-00000000-0",
        "solicitud": {
            "id": "demo-1", "recibida": until, "autoridad": "Fiscalía de la demostración", "clase": "prosecutor",
            "caratula": "Una noche inventada", "motivo": "todo lo que pasó en la demostración",
        },
        "base_legal": {"codigo": "ley-13164-9", "texto": "Ley 13.164, artículo 9."},
        "pedida_por": {"id": "fiscal", "nombre": "Fiscal de la demostración", "cargo": "fiscal"},
        "aprobada_por": {"id": "supervision", "nombre": "Supervisión de sala", "cargo": "supervisión"},
        "armada_por": {"id": "custodia", "nombre": "Custodia de la demostración", "cargo": "custodia"},
        "alcance": [{"camara": scene.camera, "desde": since, "hasta": until, "motivo": "la plaza"}],
        "eventos": {"desde": since, "hasta": until},
        "zona_horaria": scene.zone,
    }  # fmt: skip


def _ledger_key(scene: Scene) -> str:
    return (ledger_folder(load(scene.config, scene.data)) / LEDGER_KEY).read_text(encoding="utf-8").strip()


def verified(folder: Path, outside: Sequence[str]) -> Verdict:
    """What the package's own ``verify.py`` says of it, in a process that has nothing of ours on its path.

    ``outside``: what a verifier must have from elsewhere, as arguments.
    """
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), *outside, "--json"]
    ran = subprocess.run(command, capture_output=True, check=False, timeout=_VERIFY_S)
    said = json.loads(ran.stdout)
    findings = tuple((each["code"], each["path"]) for each in said["findings"])
    return Verdict(ran.returncode, findings)


def _touched(package: Package, into: Path) -> tuple[str, Path]:
    """A copy with one bit changed in the largest file that it delivers: that file's name, and the copy."""
    copy = into / package.folder.name
    shutil.copytree(package.folder, copy)
    delivered = [path for path in (copy / "bag" / "data").rglob("*") if path.is_file()]
    victim = max(delivered, key=lambda path: (path.stat().st_size, path.name))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    return victim.relative_to(copy).as_posix(), copy


def tell(package: Package, good: Verdict, bad: Verdict, touched: str) -> None:
    """In the summary's words."""
    held = sum(path.stat().st_size for path in package.folder.rglob("*") if path.is_file()) / 1_048_576
    videos = len(list((package.folder / "bag" / "data" / "nativo").rglob("*.mp4")))
    click.echo(
        f"\nPedido judicial / judicial request\n"
        f"  paquete sellado / sealed package: {package.archive.name}, {videos} videos, {held:.1f} MiB\n"
        f"  tagmanifest-sha256 {package.digest}\n"
        f"  verify.py: {_said(good)}\n"
        f"  un bit cambiado en / one bit changed in {touched}: {_said(bad)}"
    )


def _said(verdict: Verdict) -> str:
    found = ", ".join(f"{code} {path}".strip() for code, path in verdict.findings[:2])
    return f"sale con {verdict.code} / exits with {verdict.code}{f' ({found})' if found else ''}"


def faults(good: Verdict, bad: Verdict, touched: str) -> list[str]:
    """What the two verdicts should have been and were not."""
    found = []
    if good.code != 0:
        found.append(f"verify.py does not accept the demo's package: {_said(good)}")
    if bad.code != 1 or ("file.changed", touched) not in bad.findings:
        found.append(f"verify.py does not name the changed {touched}: {_said(bad)}")
    return found
