"""``cior evidence package``: from an approved order to a sealed package that anybody can verify."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import click
import msgspec

from cior_bus import durable_file
from cior_bus.centre import load, store_dsn
from cior_bus.checkpoint_key import open_checkpoint_key, origin_of
from cior_core import bundled
from cior_core.bundled_policy import privacy_policy
from cior_core.centre_file import Centre
from cior_core.checkpoint import verifier_key
from cior_core.errors import AccessDenied
from cior_evidence.camera_validators import Validators
from cior_evidence.folders import ledger_folder
from cior_evidence.order import Order, read_order
from cior_evidence.package_ledger import PackageLedger, Signing
from cior_evidence.packing import Package, Packing, Place, Sources
from cior_evidence.records_of_store import StoreRecords, health_of, reads_of
from cior_evidence.ring import look
from cior_evidence.seal_settings import SealSettings, load_seal
from cior_evidence.time_stamping import over_http
from cior_evidence.validator_settings import load_validator
from cior_store.engine import Store

BESIDE = ("LEEME.txt", "verify.py", "verificar.html")
LEDGER_KEY = "clave.pub"
_MIB = 1 << 20


@click.group()
def evidence() -> None:
    """Packages of evidence for courts: built, sealed, verifiable by anybody offline."""


@evidence.command()
@click.argument("order", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Centre file.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder of the centre.")
@click.option("--ring", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True)
@click.option(
    "--seal", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Seal file (TOML)."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where packages go."
)
@click.option("--store", envvar="CIOR_STORE", help="Store of the events; default: the centre's.")
def package(order: Path, **chosen: Path | str | None) -> None:
    """Build and seal the package of ORDER (docs/paquete.md, solicitud.json). Again after any end: it goes on."""
    made = build(order, Chosen(**chosen))  # type: ignore[arg-type]  # click has converted them
    for path in made.archives:
        click.echo(path)
    click.echo(f"{made.folder}\ntagmanifest-sha256 {made.digest}")


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was told."""

    config: Path
    ring: Path
    seal: Path
    out: Path
    data: Path | None = None
    store: str | None = None


def build(order: Path, chosen: Chosen) -> Package:
    """Build it, or go on with it. Raises what :meth:`Packing.run` does, ``ConfigInvalid`` and ``PayloadRejected``."""
    wanted, centre = read_order(order.read_bytes()), load(chosen.config, chosen.data)
    if wanted.sealed is not None:
        raise AccessDenied(
            "order.sealed_by_hand",
            "what is sealed goes out for a request of the register alone, never for a file",
            cure="file the request in the portal: two approve it and a third builds it",
        )
    settings = load_seal(chosen.seal)
    place = place_of(centre, settings, chosen.out)
    dsn = store_dsn(config=chosen.config, data=chosen.data, dsn=chosen.store)
    with sources(wanted, chosen.ring, dsn) as found:
        return Packing(place, wanted, found).run()


def place_of(centre: Centre, settings: SealSettings, out: Path) -> Place:
    """Where a centre's packages are built and sealed, and the ledger that they are leaves of."""
    section = centre.file.evidence
    return Place(
        out=out, settings=settings, ask=over_http(settings), beside=beside(), now_ms=now_ms,
        ledger=PackageLedger(ledger_folder(centre), signing(centre)),
        part_bytes=section.part_mib * _MIB if section is not None else 0,
        validators=camera_validators(centre),
    )  # fmt: skip


def camera_validators(centre: Centre) -> Validators:
    """Who judges what cameras sign. Raises ``ConfigInvalid`` (``config.*``, ``validator.*``)."""
    section = centre.file.evidence
    listed = section.camera_validator if section is not None else ()
    return Validators([load_validator(each, centre.path.parent) for each in listed])


def now_ms() -> int:
    """The one clock reading of this edge."""
    return time.time_ns() // 1_000_000


def signing(centre: Centre) -> Signing:
    """Who signs the checkpoints of packages; the public key lies beside them, as one line."""
    origin = f"{origin_of(centre.file.centre.name)}/paquetes"
    key = open_checkpoint_key(centre.data / "keys" / "evidence", origin=origin)
    public = bytes(key.verify_key)
    folder = ledger_folder(centre)
    folder.mkdir(parents=True, exist_ok=True)
    durable_file.replace(folder / LEDGER_KEY, f"{verifier_key(origin, public)}\n".encode())
    return Signing(origin, public, lambda text: key.sign(text).signature)


def beside() -> dict[str, bytes]:
    """What travels at the root of each package."""
    room = resources.files("cior_evidence")
    return {name: room.joinpath(name).read_bytes() for name in BESIDE if room.joinpath(name).is_file()}


@contextmanager
def sources(order: Order, ring: Path, dsn: str) -> Iterator[Sources]:
    """Footage of the ring; records, health and reads of the store, which is opened when events were asked for."""
    rules = rules_told()
    if order.events is None:
        yield Sources(footage=lambda camera, span: look(ring, camera, span), rules=rules)
        return
    with Store.open(dsn) as store:
        yield Sources(
            footage=lambda camera, span: look(ring, camera, span),
            records=StoreRecords(store, order, privacy_policy(), now_ms=now_ms()),
            health=health_of(store, order), reads=reads_of(store, order), rules=rules,
        )  # fmt: skip


def rules_told() -> tuple[dict[str, str], ...]:
    """Which rules decided what may be in it, for ``herramientas.json``."""
    digest = hashlib.sha256(bundled.text("privacy.toml").encode()).hexdigest()
    return ({"nombre": "privacy", "version": str(privacy_policy().version), "sha256": digest},)
