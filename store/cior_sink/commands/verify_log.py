"""``cior verify-log``: whether what is stored is what was received, in Spanish or English, with an exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from cior_bus.centre import load, store_dsn
from cior_bus.checkpoint_key import CHECKPOINTS
from cior_bus.key_shares import centre_hmac, retired_keys
from cior_core import bundled
from cior_core.bundled_policy import privacy_policy
from cior_core.checkpoint import public_of
from cior_core.errors import ConfigInvalid, PayloadRejected
from cior_core.people import REGISTER_CHAIN
from cior_core.sentences import SentenceBook
from cior_sink.checkpoints import PUBLIC_KEY
from cior_sink.ledger_check import check_ledger_copy
from cior_sink.log_check import SETTLE_MS, Finding, check_store, read_checkpoints
from cior_store.engine import Store
from cior_store.expire import past_retention

SOUND, TAMPERED = 0, 2


def verify_log(
    *,
    config: Path | None,
    data: Path | None,
    dsn: str | None,
    checkpoints: Path | None,
    key: str | None,
    language: str,
) -> int:
    """Print what was found; 0: all agrees, 2: something was changed, removed, inserted or moved."""
    centre = load(config, data) if config is not None else None
    folder = checkpoints or (centre.data / CHECKPOINTS if centre is not None else None)
    if folder is None:
        raise ConfigInvalid(
            "verify.where", "no checkpoints were named", cure="give --config or --checkpoints"
        )
    now_ms = time.time_ns() // 1_000_000
    line, own = key_line(folder, key)
    findings = [Finding("own_key", {"key": line})] if own else []
    found = read_checkpoints(folder, _public(line) if line else bytes(32), until_ms=now_ms - SETTLE_MS)
    findings += found.findings
    blinding = blinding_keys(centre.data / "keys") if centre is not None else ()
    with Store.open(store_dsn(config=config, data=data, dsn=dsn)) as store:
        findings += check_store(
            store, found, blinding=blinding, until_ms=now_ms - SETTLE_MS, has_expired=expired(now_ms)
        )
        ledger, pins = _ledger_pages(folder / REGISTER_CHAIN, until_ms=now_ms - SETTLE_MS)
        copy = list(check_ledger_copy(store, pins))
        # Where nothing stands in the ledger yet, no page of it was ever signed.
        is_new = not pins and not copy
        findings += [*(each for each in ledger if not (is_new and each.code == "no_pages")), *copy]
    return tell(findings, language=language, say=click.echo)


def _ledger_pages(folder: Path, *, until_ms: int) -> tuple[list[Finding], dict[int, str]]:
    """The register's pages, where they lie beside the others: what is wrong with them, and what they say."""
    line, _ = key_line(folder, None)
    if not line:
        return [], {}
    found = read_checkpoints(folder, _public(line), until_ms=until_ms)
    faults = [each for each in found.findings if not each.is_note]
    return [Finding("own_key", {"key": line}), *faults], found.pins.get(REGISTER_CHAIN, {})


def tell(findings: Sequence[Finding], *, language: str, say: Callable[[str], None]) -> int:
    """Every finding as a line, notes first; the exit code."""
    book = SentenceBook.load(bundled.text("verify_log.toml"), file="verify_log.toml")
    for each in sorted(findings, key=lambda one: not one.is_note):
        say(getattr(book.text(each.code, each.arguments), language))
    count = sum(not each.is_note for each in findings)
    last = book.text("unsound", {"count": count}) if count else book.text("sound", {})
    say(getattr(last, language))
    return TAMPERED if count else SOUND


def key_line(folder: Path, given: str | None) -> tuple[str, bool]:
    """The verifier's key as it was given, or as it lies beside the pages of ``folder`` (then True); empty: none."""
    if given:
        return _line(given), False
    beside = folder / PUBLIC_KEY
    return (beside.read_text(encoding="utf-8").strip(), True) if beside.is_file() else ("", False)


def given_public(given: str) -> bytes:
    """The public key of a line, or of the file it is in. Raises ``ConfigInvalid``."""
    return _public(_line(given))


def _line(given: str) -> str:
    path = Path(given)
    return (path.read_text(encoding="utf-8") if path.is_file() else given).strip()


def blinding_keys(folder: Path) -> tuple[bytes, ...]:
    """What pages may have been blinded with: a part that was not started again goes on with the key before."""
    return (centre_hmac(folder), *(each.key for each in reversed(retired_keys(folder))))


def _public(line: str) -> bytes:
    try:
        return public_of(line)[1]
    except PayloadRejected as error:
        raise ConfigInvalid(
            error.code, error.sentence, cure="give the line that the centre handed out"
        ) from error


def expired(now_ms: int) -> Callable[[str, int], bool]:
    """What retention explains by now."""
    policy = privacy_policy()

    def has_expired(table: str, first_ms: int) -> bool:
        """Whether all that was received before the day of ``first_ms`` is past its retention."""
        day = datetime.fromtimestamp(first_ms / 1000, UTC).date() - timedelta(days=1)
        return past_retention(table, day, policy=policy, now_ms=now_ms)

    return has_expired
