"""Before the step: whether an action of the area log is one that its signer took, and acts for the first time (law 13).

The running worker and a replay ask the same question of the same state, so both leave out the same items (law 5).
"""

from __future__ import annotations

from hashlib import sha256

from cior_core import canonical, identity
from cior_core.correlate.state import Seen, State
from cior_core.model import ActionItem, Item, RecallItem
from cior_core.rules import RulePack
from cior_core.signatures import SKEW_MS, OpensActions, refused

_HOUR_MS = 3_600_000


def key_of(action_id: str) -> str:
    """Under which key of ``state.seen`` an action's id is remembered."""
    return f"a:{action_id}"


def seen_as(item: ActionItem) -> tuple[str, str]:
    """What is remembered of an action: a digest of its content, and where it stood in its own topic."""
    proof = item.action.proof
    content = canonical.canonical(item.action) if proof is None else proof.payload
    return sha256(content).hexdigest()[:32], item.stood


def admit(state: State, item: Item, rules: RulePack, *, opens: OpensActions) -> None:
    """Return when ``item`` may be stepped. Raises ``PayloadRejected`` (``action.*``): it counts for nothing."""
    if isinstance(item, RecallItem):
        _admit_recall(state, item, rules, opens=opens)
    if not isinstance(item, ActionItem):
        return
    action, now_ms = item.action, max(item.at_ms, state.head.now_ms)
    proof = opens(action, at_ms=now_ms)
    if (item.area, item.id) != (action.area, identity.item_id("action", action.area, action.id)):
        raise refused("altered")
    known = state.seen.get(key_of(action.id))
    if known is not None:
        _admit_again(known, item)
    elif now_ms - proof.at_ms >= rules.suppress.forget_seen_h * _HOUR_MS - SKEW_MS:
        raise refused("stale")  # whether it acted before is forgotten


def _admit_recall(state: State, item: RecallItem, rules: RulePack, *, opens: OpensActions) -> None:
    """One of another life of the log is harmless (the step takes up what it does not know) while it is recent."""
    now_ms = max(item.at_ms, state.head.now_ms)
    proof = opens(item, at_ms=now_ms)
    if item.area != item.alert.area:
        raise refused("altered")
    if now_ms - proof.at_ms >= rules.suppress.forget_seen_h * _HOUR_MS - SKEW_MS:
        raise refused("stale")


def _admit_again(known: Seen, item: ActionItem) -> None:
    """Our own log may tell one message twice, and so may the transport: then nothing happens, and nothing is said."""
    digest, stood = seen_as(item)
    if known.digest != digest:
        raise refused("other_content")
    if not any(_is_one_message(stood, before) for before in known.receipts):
        raise refused("replayed")


def _is_one_message(stood: str, before: str) -> bool:
    """A producer that asks again, and a console that died before it noted that it had sent, write a message of the same
    partition and instant: an act's message has the act's own instant, however often it is sent (``catalogue``). Who
    copies that too has written nothing new either: it has no effect, and is not told apart.
    """
    if stood == before:
        return True
    (partition, _, at), (partition_before, _, at_before) = (_parts(each) for each in (stood, before))
    return bool(at) and (partition, at) == (partition_before, at_before)


def _parts(stood: str) -> tuple[str, str, str]:
    partition, _, rest = stood.partition(":")
    offset, _, at = rest.partition(":")
    return partition, offset, at
