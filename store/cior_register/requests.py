"""Judicial requests: each act with what it made, its holds, its copies and its ledger row in one transaction.

How a request stands is a row of its own, made again from its acts by :func:`replayed`. What of it may travel is sent
from here: a version that is not ``published`` yet is sent again, however often the sender dies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from cior_core.errors import PayloadRejected
from cior_core.judicial.acts import SYSTEM, Act, File, Pass, decode_act
from cior_core.judicial.acts import Hold as Held
from cior_core.judicial.asking import fingerprint
from cior_core.judicial.holding import due_ms
from cior_core.judicial.jurisdiction import Rules
from cior_core.judicial.state import Effect, Request
from cior_core.judicial.stepping import content, replay, step
from cior_core.model import Struct
from cior_core.requests import RequestStatus
from cior_register import holds
from cior_register.ledger import next_seq
from cior_register.tables import REQUEST_ACTS, REQUEST_COPIES, REQUESTS

_request = msgspec.json.Decoder(Request).decode
_CAME_TO_NOTHING = tuple(
    each.value for each in (RequestStatus.LAPSED, RequestStatus.REJECTED, RequestStatus.REPLACED)
)
_HELD_NEXT = frozenset({RequestStatus.RECEIVED, RequestStatus.CLARIFIED})


class Taken(Struct, frozen=True):
    """What an act made of it; ``is_new`` false: it was taken before, or the same order is known under this request."""

    request: Request
    effects: tuple[Effect, ...] = ()
    is_new: bool = True


class ActRow(Struct, frozen=True):
    """One act as it is kept. ``rules``: the version of the rules that it was taken under."""

    n: int
    act: Act
    rules: str
    ledger_seq: int


class RequestQuestion(Struct, frozen=True):
    """Newest first. Empty texts and None narrow nothing; ``whose``: the id of who filed it or was given a copy."""

    whose: str = ""
    state: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 200


def take(connection: Connection, request_id: str, act: Act, rules: Rules, *, key: str = "") -> Taken:
    """Do an act, once for its ``key``, in the transaction of its ledger row; what it holds stands with it.

    Raises what :func:`cior_core.judicial.stepping.step` raises.
    """
    known = _known(connection, act, key)
    if known is not None:
        return Taken(known, is_new=False)
    before = find(connection, request_id)
    after, effects = step(before, act, rules)
    _write(connection, after, act, rules, key=key)
    if before is None or after.deliveries != before.deliveries:
        _copies(connection, after)
    holds.obey(connection, effects, at_ms=act.at_ms)
    if after.state in _HELD_NEXT:
        held = Held(by=SYSTEM, at_ms=act.at_ms)
        after, _ = step(after, held, rules)
        _write(connection, after, held, rules)
    return Taken(after, effects)


def _known(connection: Connection, act: Act, key: str) -> Request | None:
    """The request under which this was taken before: by its key, or as the same order."""
    if key:
        taken = select(REQUEST_ACTS).where(REQUEST_ACTS.c.key == key)
        row = connection.execute(taken).first()
        if row is not None:
            if not _is_same(decode_act(row.act), act):
                raise PayloadRejected(
                    "request.key_reused", "this key was used for another act", cure="a new key for each act"
                )
            return the(connection, row.request_id)
    return _same_order(connection, act) if isinstance(act, File) else None


def _is_same(before: Act, act: Act) -> bool:
    """Whether it says the same, whenever it was said."""
    told = msgspec.structs.replace(act, at_ms=before.at_ms)
    if isinstance(told, File) and isinstance(before, File):
        told = msgspec.structs.replace(told, request=before.request, known=before.known)
    return msgspec.json.encode(told) == msgspec.json.encode(before)


def _same_order(connection: Connection, act: File) -> Request | None:
    """The same order of the same person, or on paper whoever writes it in, unless that came to nothing."""
    same = select(REQUESTS).where(
        REQUESTS.c.fingerprint == fingerprint(act.filing), REQUESTS.c.state.not_in(_CAME_TO_NOTHING)
    )
    for row in connection.execute(same.order_by(REQUESTS.c.received_ms.desc())):
        found = _request(row.request)
        if row.filer == act.by or (act.is_clerk and not found.parties.requester):
            return found
    return None


def _write(connection: Connection, request: Request, act: Act, rules: Rules, *, key: str = "") -> None:
    row = {
        "request_id": request.id, "n": _next(connection, request.id), "key": key or None, "rules": rules.version,
        "act": msgspec.json.encode(act), "at_ms": act.at_ms, "ledger_seq": next_seq(connection),
    }  # fmt: skip
    connection.execute(insert(REQUEST_ACTS), row)
    _keep(connection, request, rules)


def _next(connection: Connection, request_id: str) -> int:
    asked = select(func.count()).select_from(REQUEST_ACTS).where(REQUEST_ACTS.c.request_id == request_id)
    found: int = connection.execute(asked).scalar_one()
    return found


def _keep(connection: Connection, request: Request, rules: Rules) -> None:
    values = {
        "state": request.state.value, "version": request.version, "received_ms": request.received_ms,
        "due_ms": due_ms(request, rules), "request": msgspec.json.encode(request), "ledger_seq": next_seq(connection),
    }  # fmt: skip
    changed = connection.execute(update(REQUESTS).where(REQUESTS.c.id == request.id).values(**values))
    if not changed.rowcount:
        parties = request.parties
        more = {
            "id": request.id, "fingerprint": fingerprint(request.filing), "published": 0,
            "filer": parties.requester or parties.clerk,
        }  # fmt: skip
        connection.execute(insert(REQUESTS), values | more)


def _copies(connection: Connection, request: Request) -> None:
    """All of them anew: a copy that was given may have its receipt now."""
    if not request.deliveries:
        return
    connection.execute(delete(REQUEST_COPIES).where(REQUEST_COPIES.c.request_id == request.id))
    rows = [
        {
            "request_id": request.id, "n": n, "recipient": each.recipient, "party": each.party, "digest": each.digest,
            "at_ms": each.at_ms, "receipt_ms": each.receipt_ms, "ledger_seq": next_seq(connection),
        }
        for n, each in enumerate(request.deliveries)
    ]  # fmt: skip
    connection.execute(insert(REQUEST_COPIES), rows)


def find(connection: Connection, request_id: str) -> Request | None:
    """How it stands."""
    asked = select(REQUESTS.c.request).where(REQUESTS.c.id == request_id)
    found = connection.execute(asked).scalar_one_or_none()
    return None if found is None else _request(found)


def the(connection: Connection, request_id: str) -> Request:
    """How it stands. Raises ``PayloadRejected`` (``request.unknown``)."""
    found = find(connection, request_id)
    if found is None:
        raise PayloadRejected("request.unknown", "there is no such request", cure="see the list of requests")
    return found


def asked(connection: Connection, question: RequestQuestion) -> Sequence[Request]:
    """Those that a question is about."""
    wanted = select(REQUESTS.c.request).order_by(REQUESTS.c.received_ms.desc(), REQUESTS.c.id)
    if question.whose:
        given = select(REQUEST_COPIES.c.request_id).where(REQUEST_COPIES.c.recipient == question.whose)
        wanted = wanted.where(or_(REQUESTS.c.filer == question.whose, REQUESTS.c.id.in_(given)))
    if question.state:
        wanted = wanted.where(REQUESTS.c.state == question.state)
    if question.since_ms is not None:
        wanted = wanted.where(REQUESTS.c.received_ms >= question.since_ms)
    if question.until_ms is not None:
        wanted = wanted.where(REQUESTS.c.received_ms < question.until_ms)
    return [_request(each) for each in connection.execute(wanted.limit(question.limit)).scalars()]


def every(connection: Connection) -> Iterator[Request]:
    """All of them, for sums."""
    wanted = select(REQUESTS.c.request).order_by(REQUESTS.c.id)
    with connection.execution_options(yield_per=500).execute(wanted) as found:
        yield from (_request(each) for each in found.scalars())


def acts(connection: Connection, request_id: str) -> Sequence[ActRow]:
    """What happened to it, in order."""
    wanted = select(REQUEST_ACTS).where(REQUEST_ACTS.c.request_id == request_id).order_by(REQUEST_ACTS.c.n)
    return [
        ActRow(each.n, decode_act(each.act), each.rules, each.ledger_seq)
        for each in connection.execute(wanted)
    ]


def touched_since(connection: Connection, seq: int) -> tuple[int, frozenset[str]]:
    """Which requests took acts whose rows come after ``seq`` of the ledger (-1: all of them), and the newest such row:
    what a follower asks for next.
    """
    newest = connection.execute(select(func.max(REQUEST_ACTS.c.ledger_seq))).scalar_one_or_none()
    if newest is None or newest <= seq:
        return seq, frozenset()
    wanted = select(REQUEST_ACTS.c.request_id).where(REQUEST_ACTS.c.ledger_seq > seq).distinct()
    return newest, frozenset(connection.execute(wanted).scalars())


def replayed(connection: Connection, request_id: str, rules: Rules) -> bool:
    """Whether its acts make, byte for byte, what stands in the register."""
    again = replay((each.act for each in acts(connection, request_id)), rules)
    return again is not None and content(again) == content(the(connection, request_id))


def due(connection: Connection, *, now_ms: int, limit: int = 100) -> Sequence[str]:
    """Requests whose holds end, or are to be announced, by ``now_ms``."""
    wanted = select(REQUESTS.c.id).where(REQUESTS.c.due_ms <= now_ms).order_by(REQUESTS.c.due_ms).limit(limit)
    return list(connection.execute(wanted).scalars())


def passing(now_ms: int) -> Pass:
    """The act by which time passes."""
    return Pass(by=SYSTEM, at_ms=now_ms)


def unpublished(connection: Connection, *, limit: int = 500) -> Sequence[Request]:
    """Those whose newest version the bus does not have."""
    wanted = (
        select(REQUESTS.c.request)
        .where(REQUESTS.c.published < REQUESTS.c.version)
        .order_by(REQUESTS.c.id)
        .limit(limit)
    )
    return [_request(each) for each in connection.execute(wanted).scalars()]


def note_published(connection: Connection, versions: Sequence[tuple[str, int]]) -> None:
    """The bus has these: bookkeeping, which is no act."""
    for request_id, version in versions:
        row = update(REQUESTS).where(REQUESTS.c.id == request_id, REQUESTS.c.published < version)
        connection.execute(row.values(published=version))
