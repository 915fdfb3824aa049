"""One package from an order to its sealed folder and ZIP, in stages that survive a kill (:mod:`package_state`).

While it is built it is in a hidden folder; under its own name it stands only sealed. When the time-stamping authority,
the security module or the disk is away, it stays as it is, says so, and the same command goes on later.
"""

from __future__ import annotations

import errno
import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import structlog

from cior_bus import durable_file
from cior_core import integrity
from cior_core.canonical import canonical
from cior_core.errors import CapacityExhausted, ConfigInvalid, IntegrityBroken
from cior_core.model import Struct
from cior_core.rfc3339 import to_rfc3339
from cior_evidence import act, custody, seal, stored_archive, tools
from cior_evidence.bag import PAYLOAD, TAG_MANIFEST, Bag, sha256_of, sync_tree
from cior_evidence.camera_validators import LISTED, Validators
from cior_evidence.custody import Deed
from cior_evidence.footage_in import Delivered, Footage, Judging, put_footage
from cior_evidence.order import Order
from cior_evidence.package_ledger import PackageLedger
from cior_evidence.package_state import Stage, State, StateFile
from cior_evidence.records_in import ALERTS, EVENTS, RAWS, Records, put_records
from cior_evidence.seal_keys import signer
from cior_evidence.seal_settings import SealSettings
from cior_evidence.shelf import Phase
from cior_evidence.signature_words import read_me
from cior_evidence.stored_archive import archive
from cior_evidence.time_stamping import Ask, Tsa

log = structlog.get_logger("cior.evidence")
BAG: Final = "bag"
SEAL: Final = "sello"
READ_ME: Final = "LEEME.txt"
NOT_KNOWN: Final = "sin comparar"


class Watch:
    """Told how a package grows; this one tells nobody."""

    def phase(self, phase: Phase, size_bytes: int = 0) -> None:
        """What is being done, and the bytes that are in the bag."""

    def pictures(self, done: int, of: int) -> None:
        """So many pictures of a copy are made."""

    def assembled(self, bag: Path) -> None:
        """The bag is closed and durable; told again after a kill. What this raises keeps it from being sealed."""


class Filling(Protocol):
    """Puts pictures into a bag otherwise than out of a ring: :class:`cior_evidence.derived.Derived`."""

    def __call__(self, bag: Bag, watch: Watch, /) -> Delivered:
        """What is in it, line by line."""
        ...


class Sources(Struct, frozen=True, kw_only=True):
    """Where the content comes from: ``footage`` of a ring, or a ``filling``. ``health``, ``reads``: lines of
    ``salud.jsonl`` and ``accesos.jsonl``; ``deeds``: what was done before (received, approved, held), oldest first;
    ``rules``: name, version and SHA-256 of each.
    """

    footage: Footage | None = None
    filling: Filling | None = None
    records: Records | None = None
    health: tuple[Mapping[str, Any], ...] = ()
    reads: tuple[Mapping[str, Any], ...] = ()
    deeds: tuple[Deed, ...] = ()
    rules: tuple[Mapping[str, str], ...] = ()


class Place(Struct, frozen=True, kw_only=True):
    """``out``: where packages stand. ``ask``: of the time-stamping authority. ``beside``: files at the root of each
    package (verifiers, LEEME). ``now_ms``: the clock. ``part_bytes``: what is larger comes in several ZIPs; 0: never.
    ``validators``: of what cameras sign.
    """

    out: Path
    settings: SealSettings
    ask: Ask
    ledger: PackageLedger
    beside: Mapping[str, bytes]
    now_ms: Callable[[], int]
    part_bytes: int = 0
    validators: Validators = Validators()


class Package(Struct, frozen=True):
    """A sealed package. ``digest``: SHA-256 of its tag manifest, what a receipt signs."""

    folder: Path
    archive: Path
    digest: str

    @property
    def archives(self) -> list[Path]:
        """All its ZIPs; the first is ``archive``."""
        return stored_archive.archives(self.archive, len(stored_archive.parts_of(self.folder)))


class Packing:
    """One order on its way. :meth:`run` may be called again after any end; the outcome is the same package."""

    def __init__(self, place: Place, order: Order, sources: Sources, watch: Watch | None = None) -> None:
        self._place = place
        self._watch = watch or Watch()
        self._order = order
        self._sources = sources
        name = order.package.lower()
        self._work = place.out / f".{name}.armando"
        self._final = place.out / name
        self._archive = place.out / f"{name}.zip"
        place.out.mkdir(parents=True, exist_ok=True)
        self._state = StateFile(place.out / f".{name}.estado")
        self._sha256 = hashlib.sha256(canonical(order.told)).hexdigest()

    def run(self) -> Package:
        """Build what is not built yet. Raises the errors of :mod:`seal`, ``CapacityExhausted``
        (``package.disk_full``) and ``IntegrityBroken`` (``package.*``).
        """
        with self._state.only_one(), _room():
            state = self._begun()
            if state.stage is Stage.ASSEMBLED:
                self._unchanged(state)
            if state.stage is Stage.ASSEMBLING:
                state = self._assembled()
            if state.stage is Stage.ASSEMBLED:
                self._watch.assembled(self._work / BAG)
                self._watch.phase(Phase.SEAL)
                state = self._sealed(state)
            if state.stage is Stage.SEALED:
                self._watch.phase(Phase.ARCHIVE)
                state = self._ready(state)
            return Package(self._final, self._archive, state.tag_sha256)

    def _begun(self) -> State:
        state = self._state.read()
        if state is None:
            if self._final.exists():
                raise IntegrityBroken(
                    "package.exists",
                    "a folder of this name is there and nothing says how it came",
                    cure="move it away",
                )
            return self._state.write(self._new(Stage.ASSEMBLING))
        if state.order_sha256 != self._sha256:
            raise IntegrityBroken(
                "package.other_order",
                "a package of this id was begun for another order",
                cure="give the new order an id of its own: what was sealed stays",
            )
        return state

    def _new(self, stage: Stage) -> State:
        return State(package=self._order.package, order_sha256=self._sha256, stage=stage)

    # --- the bag ----------------------------------------------------------------------------------------------

    def _assembled(self) -> State:
        shutil.rmtree(self._work, ignore_errors=True)
        created_ms, phase = self._place.now_ms(), Phase.FOOTAGE
        bag = Bag(self._work / BAG, lambda size_bytes: self._watch.phase(phase, size_bytes))
        delivered = self._delivered(bag)
        for path, content in self._beside(delivered).items():
            _write(self._work / path, content)
        phase = Phase.RECORDS
        closed: list[dict[str, Any]] = []
        if self._sources.records is not None and self._order.events is not None:
            closed = put_records(bag, self._sources.records)
        phase = Phase.CLOSING
        leaf = self._put_meta(bag, delivered, closed, created_ms=created_ms)
        tags = bag.close(self._order, created_ms=created_ms)
        durable_file.sync_folder(self._place.out)
        log.info("package_assembled", package=self._order.package, files=len(bag.files))
        found = msgspec.structs.replace(
            self._new(Stage.ASSEMBLED),
            tag_sha256=hashlib.sha256(tags).hexdigest(),
            leaf=leaf,
            created_ms=created_ms,
        )
        return self._state.write(found)

    def _delivered(self, bag: Bag) -> Delivered:
        sources, order = self._sources, self._order
        if sources.filling is not None:
            return sources.filling(bag, self._watch)
        assert sources.footage is not None
        judging = Judging(self._place.validators, partial(self._watch.phase, Phase.FOOTAGE))
        return put_footage(bag, order.ordered_scope, sources.footage, refused=order.refused, judging=judging)

    def _beside(self, delivered: Delivered) -> dict[str, bytes]:
        """What travels at its root; what is said of cameras' own signatures stands in LEEME.txt too."""
        files = dict(self._place.beside)
        if READ_ME in files:
            files[READ_ME] += read_me(delivered.segments)
        return files

    def _put_meta(
        self, bag: Bag, delivered: Delivered, closed: Sequence[Mapping[str, Any]], *, created_ms: int
    ) -> str:
        """Write ``meta/``; the last hash of the custody."""
        order, sources = self._order, self._sources
        reserved = sources.records.reserved if sources.records is not None else 0
        if order.negatives:
            bag.put_lines("data/negativas.jsonl", order.meta(created_ms=created_ms, reserved=0)["negativas"])
        bag.put_json("meta/solicitud.json", order.meta(created_ms=created_ms, reserved=reserved))
        bag.put_lines("meta/segmentos.jsonl", delivered.segments)
        bag.put_json("meta/huecos.json", {"camaras": delivered.gaps, "crudos": closed})
        centre = {"medido": to_rfc3339(created_ms), "fuente": NOT_KNOWN, "corrimiento_ms": None}
        bag.put_json("meta/reloj.json", {"archivos": delivered.clocks, "centro": centre})
        bag.put_lines("meta/salud.jsonl", sources.health)
        bag.put_lines("meta/accesos.jsonl", sources.reads)
        bag.put_json("meta/herramientas.json", self._tools(delivered))
        self._put_parts(bag)
        lines = custody.chained(order.package, (*sources.deeds, self._assembly(created_ms)))
        bag.put_lines("meta/custodia.jsonl", lines)
        return str(lines[-1]["hash"])

    def _put_parts(self, bag: Bag) -> None:
        """Which file of the payload is in which ZIP, when one would be too large: sealed with all else."""
        sizes = {path: each.size_bytes for path, each in bag.files.items() if path.startswith(PAYLOAD)}
        if parts := stored_archive.plan(sizes, self._place.part_bytes):
            bag.put_json(stored_archive.LIST, {"partes": parts})

    def _tools(self, delivered: Delivered) -> dict[str, Any]:
        return {
            "programas": tools.programs(),
            "reglas": [dict(each) for each in self._sources.rules],
            "verificadores": _digests(self._beside(delivered)),
            LISTED: self._place.validators.tools(),
            "sello": {"certificado_sha256": seal.fingerprint(self._place.settings.certificate)},
        }

    def _assembly(self, created_ms: int) -> Deed:
        detail = f"orden sha256 {self._sha256}"
        return Deed(created_ms, custody.ASSEMBLED, self._order.built_by.id, detail, secrets.token_hex(16))

    # --- the seal ---------------------------------------------------------------------------------------------

    def _sealed(self, state: State) -> State:
        """Seal anew whatever a kill left: a seal is whole when the state says so, never before."""
        tags = (self._work / BAG / TAG_MANIFEST).read_bytes()
        self._same_certificate()
        folder = self._work / SEAL
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        settings = self._place.settings
        with signer(settings) as key:
            tsa = Tsa(settings, self._place.ask)
            made = seal.sealed(tags, settings, key, tsa, now_ms=self._place.now_ms())
            pdf = act.signed(act.drawn(self._facts(tags, made.sealed_ms)), key, tsa)
        inclusion = self._place.ledger.enter(state.package, state.leaf, at_ms=self._place.now_ms())
        files = {
            "tagmanifest.p7s": made.p7s,
            "tagmanifest.p7s.tsr": made.tsr,
            "cadena.pem": made.chain,
            "checkpoint.txt": inclusion.note.encode(),
            "inclusion.json": canonical(inclusion.stated) + b"\n",
            "acta.pdf": pdf,
            **{f"crl/{number:04d}.crl": each for number, each in enumerate(made.crls, start=1)},
        }
        for path, content in files.items():
            _write(folder / path, content)
        sync_tree(self._work)
        log.info("package_sealed", package=state.package, leaf=inclusion.index)
        return self._reached(state, Stage.SEALED)

    def _same_certificate(self) -> None:
        """The bag says which certificate seals it; a seal's file may have changed while it waited."""
        declared = _json(self._work / BAG / "meta" / "herramientas.json")["sello"]["certificado_sha256"]
        if declared != seal.fingerprint(self._place.settings.certificate):
            raise ConfigInvalid(
                "package.other_certificate",
                "the package was assembled for another certificate than the seal's file names now",
                cure="seal it with that one, or remove its hidden folder and state file to build it anew",
            )

    def _unchanged(self, state: State) -> None:
        """What waited for its seal is, byte for byte, what was assembled."""
        bag = self._work / BAG
        tags = (bag / TAG_MANIFEST).read_bytes() if (bag / TAG_MANIFEST).is_file() else b""
        if hashlib.sha256(tags).hexdigest() != state.tag_sha256 or not _is_whole(bag, tags):
            raise IntegrityBroken(
                "package.changed",
                "the assembled package was changed before it was sealed",
                cure="tell the auditor; remove its state file to build it anew",
            )

    def _facts(self, tags: bytes, sealed_ms: int) -> act.ActFacts:
        meta = self._work / BAG / "meta"
        raws, gaps = self._work / BAG / RAWS, _json(meta / "huecos.json")
        return act.ActFacts(
            request=_json(meta / "solicitud.json"),
            segments=tuple(_rows(meta / "segmentos.jsonl")),
            gaps=tuple(gaps["camaras"]),
            opened=tuple(each for each in _rows(raws) if "apertura" in each),
            sealed=tuple(each for each in _rows(self._work / BAG / ALERTS) if each.get("reservada")),
            told=tuple(each for each in _rows(self._work / BAG / EVENTS) if each.get("reservado")),
            closed=tuple(gaps["crudos"]),
            tag_manifest=tags,
            roots=tuple(seal.fingerprint(each) for each in self._place.settings.roots),
            verifiers=_json(meta / "herramientas.json")["verificadores"],
            sealed_ms=sealed_ms,
        )

    def _ready(self, state: State) -> State:
        """Under its own name, and as a ZIP of it."""
        if self._work.exists():
            self._work.replace(self._final)
            durable_file.sync_folder(self._place.out)
        archive(self._final, self._archive)
        log.info("package_ready", package=state.package)
        return self._reached(state, Stage.READY)

    def _reached(self, state: State, stage: Stage) -> State:
        return self._state.write(msgspec.structs.replace(state, stage=stage))


def _is_whole(bag: Path, tags: bytes) -> bool:
    """Whether every file of the bag has the digest that its manifests give it, and no other file is there."""
    actual = {path.relative_to(bag).as_posix(): sha256_of(path) for path in bag.rglob("*") if path.is_file()}
    actual.pop(TAG_MANIFEST, None)
    payload = (bag / "manifest-sha256.txt").read_bytes() if "manifest-sha256.txt" in actual else b""
    return not integrity.verify_manifest(tags + payload, actual)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise CapacityExhausted(
            "package.disk_full",
            "the disk is full: the package is not sealed and not delivered",
            cure="make room, then run the same command again",
        ) from error


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _json(path: Path) -> dict[str, Any]:
    return _decoded(path.read_bytes())


def _rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, if it is there."""
    return [_decoded(line) for line in path.read_bytes().splitlines()] if path.is_file() else []


def _decoded(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(data)
    return found
