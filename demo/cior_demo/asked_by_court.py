"""The demo's last act, over the console's own HTTP: a prosecutor asks for what its camera saw and what its alarms sent,
two custodians decide and a third has it built; the sealed package comes back the same way, and a stranger with nothing
but Python and the root certificate believes it, and does not believe one that was touched.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from cior_console.first_people import FirstAccount, more_people
from cior_core.centre_file import Centre
from cior_core.errors import SourceUnavailable
from cior_core.privacy import Role
from cior_core.rfc3339 import to_rfc3339
from cior_demo.key_keeper import Opened, open_boxes
from cior_demo.parties import Party
from cior_evidence.commands.package import LEDGER_KEY
from cior_evidence.folders import ledger_folder

FOLDER: Final = "justicia"
MOST_ALERTS: Final = 200
"""As many as one request names."""
_VERIFY_S: Final = 120.0
_BUILD_S: Final = 180.0
_ASK_EVERY_S: Final = 0.2
_NIGHT: Final = (
    ("fiscal", "Fiscal de la demostración", Role.PROSECUTOR),
    ("mesa", "Mesa de entradas de la demostración", Role.CUSTODIAN),
    ("jefatura", "Jefatura de custodia de la demostración", Role.CUSTODIAN),
    ("armado", "Armado de la demostración", Role.CUSTODIAN),
)


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's own four, who are nobody's to sign in as: those that were printed stay for whoever looks."""

    prosecutor: FirstAccount
    clerk: FirstAccount
    chief: FirstAccount
    builder: FirstAccount


def night_people(centre: Centre) -> Night:
    """Made before the centre runs, under names that no earlier demo took."""
    mark = secrets.token_hex(3)
    rows = [(f"demo-{login}-{mark}", name, role) for login, name, role in _NIGHT]
    prosecutor, clerk, chief, builder = more_people(centre, rows)
    return Night(prosecutor=prosecutor, clerk=clerk, chief=chief, builder=builder)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, where, and by whom. ``console``: the address that people sign in at; ``root``: the root
    certificate, which a verifier has from elsewhere. Instants in UTC ms; the camera by its id in the catalogue.
    """

    folder: Path
    centre: Centre
    console: str
    root: Path
    night: Night
    camera: str
    alerts: tuple[str, ...]
    since_ms: int
    until_ms: int


class Received(msgspec.Struct, frozen=True):
    """What the prosecutor got: the ZIP, its folder once unpacked, the digest that was sealed; and what was opened."""

    archive: Path
    folder: Path
    digest: str
    boxes: Opened = Opened(0, 0)


def answer(scene: Scene) -> list[str]:
    """Ask, answer, deliver, verify, and touch a copy; what is not right about it, in words."""
    began_s = time.monotonic()
    received = _asked_and_received(scene)
    outside = ("--root", str(scene.root), "--ledger-key", _ledger_key(scene), "--digest", received.digest)
    good = verified(received.folder, outside)
    name, touched = _touched(received, scene.folder / FOLDER / "tocado")
    bad = verified(touched, outside)
    tell(received, good, bad, name)
    click.echo(f"  del pedido al acuse / from request to receipt: {time.monotonic() - began_s:.0f} s")
    return [*faults(good, bad, name), *box_faults(received)]


def _asked_and_received(scene: Scene) -> Received:
    night = scene.night
    prosecutor, clerk, chief, builder = (
        Party(scene.console, each).signed_in()
        for each in (night.prosecutor, night.clerk, night.chief, night.builder)
    )
    request_id = str(prosecutor.post("requests", an_order(scene))["line"]["id"])
    there = clerk.get(f"requests/{request_id}/availability")["items"][0]
    clerk.act(request_id, "take_up")
    chief.act(request_id, "approve")
    boxes = open_boxes(
        builder, request_id, centre=scene.centre, folder=scene.folder / FOLDER / "guarda de la clave"
    )
    page = builder.act(request_id, "build")
    package = _built(builder, request_id)
    recipient = page["parties"]["requester"]
    builder.act(request_id, "deliver", recipient=recipient, party="fiscalía", digest=package["digest"])
    received = _downloaded(scene, prosecutor, request_id, package["name"])
    page = prosecutor.act(request_id, "receive", digest=received.digest)
    click.echo(
        f"\nPedido judicial por HTTP / judicial request over HTTP: {request_id[:12]}\n"
        f"  disponible antes de prometer / there before it was promised: {len(there['there'])} tramos, "
        f"{len(there['missing'])} huecos; resguardado / held: {len(there['held'])}\n"
        f"  sobres abiertos donde está la clave / boxes opened where the key is: {boxes.opened} de {boxes.needed}"
        " (la demostración guarda su propia clave de equipo / the demo keeps its own team key)\n"
        f"  estado / state: {page['line']['state']}; {_people(page)}"
    )
    return msgspec.structs.replace(received, boxes=boxes)


def _people(page: dict[str, Any]) -> str:
    acts = [each["act"] for each in page["story"]]
    return " → ".join(acts)


def an_order(scene: Scene) -> dict[str, Any]:
    """As a prosecutor writes it: the square's camera and every alarm of the night."""
    since, until = to_rfc3339(scene.since_ms), to_rfc3339(scene.until_ms)
    return {
        "authority": "fiscalia", "office": "Fiscalía de la demostración", "case": "21-00000000-0",
        "document": "Oficio de la demostración", "order": "prosecutor_order", "drill": True,
        "reason": "todo lo que pasó en la demostración",
        "items": [{"camera": scene.camera, "since": since, "until": until}],
        "alerts": list(scene.alerts[:MOST_ALERTS]),
    }  # fmt: skip


def _built(party: Party, request_id: str) -> dict[str, Any]:
    """Wait until the package is ready. Raises ``SourceUnavailable`` (``demo.not_built``) with why it is not."""
    ends_s = time.monotonic() + _BUILD_S
    while True:
        page = party.get(f"requests/{request_id}")
        package: dict[str, Any] = page["package"]
        if package["state"] == "ready" and page["line"]["state"] == "sellada":
            return package
        if package["state"] == "stopped" or time.monotonic() > ends_s:
            why = f"{package['state']} {package['code']} {package['cure']}".strip()
            raise SourceUnavailable("demo.not_built", f"the package of the night is not ready: {why}")
        time.sleep(_ASK_EVERY_S)


def _downloaded(scene: Scene, party: Party, request_id: str, name: str) -> Received:
    into = scene.folder / FOLDER / "recibido"
    into.mkdir(parents=True, exist_ok=True)
    archive = into / f"{name.lower()}.zip"
    digest = party.download(f"requests/{request_id}/package", archive)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(into)
    return Received(archive, into / archive.stem, digest)


class Verdict(msgspec.Struct, frozen=True):
    """What ``verify.py`` said: its exit code, and each finding's code with the path that it is about."""

    code: int
    findings: tuple[tuple[str, str], ...]


def _ledger_key(scene: Scene) -> str:
    return (ledger_folder(scene.centre) / LEDGER_KEY).read_text(encoding="utf-8").strip()


def verified(folder: Path, outside: Sequence[str]) -> Verdict:
    """What the package's own ``verify.py`` says of it, in a process that has nothing of ours on its path.

    ``outside``: what a verifier must have from elsewhere, as arguments.
    """
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), *outside, "--json"]
    ran = subprocess.run(command, capture_output=True, check=False, timeout=_VERIFY_S)
    said = json.loads(ran.stdout)
    findings = tuple((each["code"], each["path"]) for each in said["findings"])
    return Verdict(ran.returncode, findings)


def _touched(package: Received, into: Path) -> tuple[str, Path]:
    """A copy with one bit changed in the largest file that it delivers: that file's name, and the copy."""
    copy = into / package.folder.name
    shutil.copytree(package.folder, copy)
    delivered = [path for path in (copy / "bag" / "data").rglob("*") if path.is_file()]
    victim = max(delivered, key=lambda path: (path.stat().st_size, path.name))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    return victim.relative_to(copy).as_posix(), copy


def tell(package: Received, good: Verdict, bad: Verdict, touched: str) -> None:
    """In the summary's words."""
    held = sum(path.stat().st_size for path in package.folder.rglob("*") if path.is_file()) / 1_048_576
    videos = len(list((package.folder / "bag" / "data" / "nativo").rglob("*.mp4")))
    click.echo(
        f"  paquete sellado / sealed package: {package.archive.name}, {videos} videos, {held:.1f} MiB\n"
        f"  tagmanifest-sha256 {package.digest}\n"
        f"  verify.py: {_said(good)}\n"
        f"  un bit cambiado en / one bit changed in {touched}: {_said(bad)}"
    )


def box_faults(package: Received) -> list[str]:
    """What the alarms' bytes should be in the package and are not."""
    rows = package.folder / "bag" / "data" / "crudo" / "indice.jsonl"
    told = [json.loads(line) for line in rows.read_bytes().splitlines()] if rows.is_file() else []
    delivered = sum(1 for each in told if "sobre" in each)
    click.echo(f"  bytes de alarmas / bytes of alarms: {len(told)} registros, {delivered} de sobres")
    if (package.boxes.opened, delivered) != (package.boxes.needed,) * 2:
        return [
            f"of {package.boxes.needed} boxes {package.boxes.opened} were opened and {delivered} delivered"
        ]
    return []


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
