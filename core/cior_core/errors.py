"""One tree of errors, arranged by what to do next. Each carries a stable code, one sentence and a cure."""

from __future__ import annotations


class CiorError(Exception):
    """Base. ``code`` is stable and documented; ``cure`` says what to do next.

    Neither holds personal data or payload bytes.
    """

    def __init__(self, code: str, sentence: str, *, cure: str = "") -> None:
        super().__init__(f"{code}: {sentence}" + (f" — {cure}" if cure else ""))
        self.code = code
        self.sentence = sentence
        self.cure = cure


class ConfigInvalid(CiorError):
    """A human must change a file or a setting; retrying is useless."""


class CredentialsRefused(CiorError):
    """A human must give other credentials; retrying is useless."""


class SourceUnavailable(CiorError):
    """Try again after ``retry_after_s`` (None: the runtime's own back-off)."""

    def __init__(
        self, code: str, sentence: str, *, cure: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(code, sentence, cure=cure)
        self.retry_after_s = retry_after_s


class PayloadRejected(CiorError):
    """This input can never be decoded: dead-letter it with its bytes."""


class AccessDenied(CiorError):
    """Policy says no; the denial goes to the ledger."""


class IntegrityBroken(CiorError):
    """Stop: something that must never change has changed."""


class CapacityExhausted(SourceUnavailable):
    """A bounded store is full: life-safety refuses upstream (no acknowledgement) and alarms, never drops."""
