"""Dead letters: what could not be decoded or processed, with its bytes and the reason.

Nothing is thrown away to make room for a reason.
"""

from __future__ import annotations

from typing import Literal

from cior_core import identity
from cior_core.errors import CiorError
from cior_core.model import DataClass, DeadLetter, RawPointer

Stage = Literal["decode", "agent", "store", "topic"]
MAX_PAYLOAD_BYTES = 900_000
"""Longer payloads are cut (and say so): base64 and headers must still fit the topic's message limit."""


def dead_letter(  # noqa: PLR0913  (every fact is a field of the record)
    *,
    stage: Stage,
    error: BaseException,
    payload: bytes,
    at_ms: int,
    source: str,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    index: int | None = None,
    raw: RawPointer | None = None,
    life_safety: bool = False,
    data_class: DataClass = DataClass.RESTRICTED,
) -> DeadLetter:
    """A dead letter.

    Its id is that of the place it was found (topic-partition-offset) or of its bytes, so a repeat collapses; ``index``
    is its position in an envelope.

    ``stage``: decode, agent, store or topic. An exception that is not ours gives the code ``bug.<its type>`` and no
    message text, because a foreign message may quote the payload.
    """
    code = error.code if isinstance(error, CiorError) else f"bug.{type(error).__name__}"
    reason = (
        error.sentence
        if isinstance(error, CiorError)
        else "an unexpected error; see the worker's log by this id"
    )
    digest = identity.payload_sha256(payload)
    where = f"{topic}:{partition}:{offset}" if offset is not None else f"{source}:{digest}"
    return DeadLetter(
        id=identity.dead_id(where, stage, index or 0),
        stage=stage,
        code=code,
        reason=reason,
        payload=payload[:MAX_PAYLOAD_BYTES],
        at_ms=at_ms,
        source=source,
        raw=raw,
        topic=topic,
        partition=partition,
        offset=offset,
        life_safety=life_safety,
        data_class=data_class,
        truncated_from_bytes=len(payload) if len(payload) > MAX_PAYLOAD_BYTES else None,
    )
