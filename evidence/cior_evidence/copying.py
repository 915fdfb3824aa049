"""Copies of sealed packages, one at a time and behind everything else: ordered in the register (act ``derive``), made
and sealed in the name of who ordered them, and told to the register (act ``seal_copy``) once each.

What was ordered is looked up, never told, as :mod:`cior_evidence.making` does. It runs in a thread of its own: a native
package never waits for a copy.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from cior_core.errors import AccessDenied, ConfigInvalid, PayloadRejected, SourceUnavailable
from cior_core.judicial.acts import SealCopy
from cior_core.judicial.copies import CopyKind, CopyOrder
from cior_core.judicial.state import Request
from cior_core.model import DataClass
from cior_core.people import LedgerEntry
from cior_core.privacy import Asking, Purpose, Role, decide
from cior_evidence.custody import Deed
from cior_evidence.derived import Derived, Veiling
from cior_evidence.errands import FAILURES, PART, Errands, Telling, kept, written
from cior_evidence.making import Workshop
from cior_evidence.native import Native
from cior_evidence.order import Kind, Order, Who, read_order
from cior_evidence.packing import Packing, Sources
from cior_evidence.shelf import Making, Phase, Progress, copy_id, native_id, zips_of
from cior_evidence.veils import TABLE, Choice, Veils
from cior_register import people, requests
from cior_register.writer import nothing

log = structlog.get_logger("cior.evidence")
_KINDS: Final = {CopyKind.VIEW: Kind.VIEW, CopyKind.REDACTED: Kind.REDACTED}
_LOWEST: Final = 19


class Copier:
    """:meth:`look` makes what was ordered, one copy after another."""

    def __init__(self, shop: Workshop, stopping: Callable[[], bool] = lambda: False) -> None:
        self._shop, self._stopping = shop, stopping
        self.errands = Errands(shop.shelf, stopping, retry_s=shop.retry_s)
        self._seen_seq = -1
        self._waiting: frozenset[str] = frozenset()
        self._gathered: set[str] = set()

    def look(self) -> None:
        """Raises ``SourceUnavailable`` when the register is away."""
        for request, copy in self._ordered():
            if self._stopping():
                return
            self._one(request, copy)

    def _ordered(self) -> list[tuple[Request, CopyOrder]]:
        """Of the requests that somebody touched since the last look, and of those that still wait."""

        def read(connection: Any) -> tuple[int, list[Request]]:
            newest, touched = requests.touched_since(connection, self._seen_seq)
            found = (requests.find(connection, each) for each in sorted({*touched, *self._waiting}))
            return newest, [each for each in found if each is not None]

        newest, found = self._shop.register.read_now(read)
        orders = [(each, copy) for each in found for copy in each.standing_copies if not copy.digest]
        self._seen_seq, self._waiting = newest, frozenset(each.id for each, _ in orders)
        return sorted(orders, key=lambda each: (each[1].ordered_ms, each[0].id, each[1].n))

    def _one(self, request: Request, copy: CopyOrder) -> None:
        name = copy_id(request, copy)
        if not self.errands.is_due(name):
            return
        watching = Telling(self.errands, name)
        try:
            self._make(request, copy, watching)
        except FAILURES as error:
            self.errands.failed(name, error, watching.size_bytes)
        else:
            self.errands.done(name)
            log.info("request_copy_ready", package=name)

    def _make(self, request: Request, copy: CopyOrder, watching: Telling) -> None:
        name = copy_id(request, copy)
        watching.phase(Phase.NONE)
        self._clear(request, copy)
        self._may_read(request, copy)
        self._shop.masks.look()  # who cannot say what is masked copies nothing
        order = kept(self._shop.shelf.order_file(name), partial(self._order, request, copy))
        made = Packing(self._shop.place(), order, self._sources(request, copy, order), watching).run()
        shutil.rmtree(self._shop.shelf.workplace(name), ignore_errors=True)
        zips = zips_of(made.archives)
        # Told before the act that makes it deliverable: whoever may have it finds it.
        self._shop.shelf.tell(
            Progress(
                name=name, state=Making.READY, digest=made.digest, parts=len(zips), zips=zips,
                size_bytes=sum(each.size_bytes for each in zips),
            )
        )  # fmt: skip
        self._sealed(request, copy, made.digest)

    # --- what goes in -----------------------------------------------------------------------------------------

    def _order(self, request: Request, copy: CopyOrder) -> Order:
        """The native package's own order, by who ordered the copy and without its records."""
        file = self._shop.shelf.order_file(native_id(request, copy))
        if not file.is_file():
            raise SourceUnavailable(
                "copy.native_away",
                "the sealed package was not built here, so nothing can be made of it",
                cure="put its folder and its hidden .orden file where packages stand; this goes on by itself",
            )
        native = read_order(file.read_bytes())
        named = self._shop.register.read_now(people.names)
        by = Who(id=copy.by, name=named.get(copy.by, ""), office=native.built_by.office)
        return msgspec.structs.replace(
            native, package=copy_id(request, copy), built_by=by, events=None, sealed=None,
            derived_from=copy.of, copy=_KINDS[copy.kind],
        )  # fmt: skip

    def _sources(self, request: Request, copy: CopyOrder, order: Order) -> Sources:
        shelf, package = self._shop.shelf, native_id(request, copy)
        detail = f"copia de {package}, tagmanifest sha256 {copy.of}"
        deed = Deed(copy.ordered_ms, "copia_ordenada", copy.by, detail, secrets.token_hex(16))
        filling = Derived(
            _KINDS[copy.kind],
            (package, copy.of),
            shelf.workplace(copy_id(request, copy)),
            native=lambda: Native(shelf.folder(package), copy.of),
            zone=order.time_zone,
            masked=self._shop.masks.in_force,
            veiling=self._veiling(request, copy),
        )
        return Sources(filling=filling, deeds=(deed,))

    def _veiling(self, request: Request, copy: CopyOrder) -> Callable[[], Veiling] | None:
        """None for a copy that shows persons as they are. Without a detector a redacted one is not made at all."""
        if copy.kind is CopyKind.VIEW:
            return None
        finder = self._shop.finder
        if finder is None:
            raise ConfigInvalid(
                "copy.no_detector",
                "this centre has no detector of persons, so no redacted copy is made",
                cure='name one in the centre file, [evidence] detector = "detector.toml" (docs/settings.md)',
            )
        return lambda: Veils(copy, finder, self._choice(request, copy))

    def _choice(self, request: Request, copy: CopyOrder) -> Choice:
        """Who was chosen, with the table of the copy in which that was done."""
        if not copy.keep:
            return Choice()
        seen = next(each for each in request.standing_copies if each.n == copy.after)
        table = Native(self._shop.shelf.folder(copy_id(request, seen)), seen.digest).lines(TABLE)
        return Choice(marks=frozenset(copy.keep), table=tuple(table))

    def _may_read(self, request: Request, copy: CopyOrder) -> None:
        """Footage is opened again for the order: judged, and in the ledger, before it is (law 9)."""
        name = copy_id(request, copy)
        if name in self._gathered:
            return
        asking = Asking(
            role=Role.CUSTODIAN, purpose=Purpose.JUDICIAL_REQUEST, data_class=DataClass.RESTRICTED,
            legal_basis=request.filing.order, approvers=len(request.parties.approvers), reason=request.filing.reason,
        )  # fmt: skip
        decision = decide(asking, self._shop.policy)
        if decision.outcome != "allow":
            raise AccessDenied(
                decision.code,
                "the privacy table does not open footage for this copy",
                cure="see which order the request names, and docs/fiscalia.md",
            )
        entry = self._entry(request, copy, "request.copy_gather")
        entry = msgspec.structs.replace(entry, purpose=Purpose.JUDICIAL_REQUEST, rule=decision.rule)
        written(self._shop.register, entry, nothing)
        self._gathered.add(name)

    def _clear(self, request: Request, copy: CopyOrder) -> None:
        """What is left of earlier orders that do not stand any more."""
        standing = {each.n for each in request.copies}
        for n in set(range(1, copy.n)) - standing:
            earlier = copy_id(request, msgspec.structs.replace(copy, n=n))
            shelf = self._shop.shelf
            for left in (shelf.workplace(earlier), shelf.out / f".{earlier.lower()}.armando"):
                shutil.rmtree(left, ignore_errors=True)

    # --- the register -----------------------------------------------------------------------------------------

    def _sealed(self, request: Request, copy: CopyOrder, digest: str) -> None:
        """Under a key of the copy, so that it stands once. Raises what the step does."""
        act = SealCopy(by=copy.by, at_ms=self._shop.now_ms(), n=copy.n, digest=digest, hand=PART)
        key = f"{PART}/{copy_id(request, copy)}/seal_copy"

        def work(connection: Any) -> None:
            now = requests.the(connection, request.id)
            if all(each.n != copy.n for each in now.standing_copies):
                raise PayloadRejected(
                    "package.superseded",
                    "this order of a copy does not stand any more",
                    cure="see the request: somebody may have ordered again, or opened it again",
                )
            requests.take(connection, request.id, act, self._shop.rules, key=key)

        written(self._shop.register, self._entry(request, copy, "request.seal_copy"), work)

    def _entry(self, request: Request, copy: CopyOrder, act: str) -> LedgerEntry:
        detail = {"hand": PART, "package": copy_id(request, copy), "copy": copy.kind.value}
        return LedgerEntry(
            at_ms=self._shop.now_ms(), actor=copy.by, role=Role.CUSTODIAN, act=act, subject=request.id,
            purpose=Purpose.REQUEST_HANDLING, detail=detail,
        )  # fmt: skip


def give_way() -> None:
    """The thread that calls this, and what it starts, come after every other of the machine, for good (Linux, where a
    thread has a number of its own).
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
