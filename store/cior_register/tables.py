"""The tables as SQLAlchemy sees them. How they came to be is in ``migrations``; a test compares the two.

Every table of people names, in ``ledger_seq``, the ledger entry of the act that last wrote the row. The reference is
checked at commit, so no row can be written without its entry, whoever writes it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA = MetaData()


def _by_entry() -> Column[int]:
    return Column(
        "ledger_seq",
        BigInteger,
        ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED"),
        nullable=False,
    )


def _person(name: str = "person_id", *, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, ForeignKey("people.id"), primary_key=primary_key, nullable=False)


LEDGER = Table(
    "ledger",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("entry", LargeBinary, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Index("ledger_actor", "actor", "seq"),
    Index("ledger_act", "act", "seq"),
    Index("ledger_subject", "subject", "seq"),
    Index("ledger_at_ms", "at_ms"),
)
LEDGER_HEAD = Table(
    "ledger_head",
    METADATA,
    Column("one", Integer, CheckConstraint("one = 1", name="ledger_head_one"), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
)
LEDGER_PUBLISHED = Table(
    "ledger_published",
    METADATA,
    Column("one", Integer, CheckConstraint("one = 1", name="ledger_published_one"), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
JOURNAL_TAKEN = Table(
    "journal_taken",
    METADATA,
    Column("chain", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    _by_entry(),
)
PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("password_ms", BigInteger),
    Column("must_change", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    _by_entry(),
)
GRANTS = Table(
    "grants",
    METADATA,
    _person(primary_key=True),
    Column("role", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    _by_entry(),
)
IDENTITIES = Table(
    "identities",
    METADATA,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    _person(),
    _by_entry(),
)
DUTY_TEAMS = Table(
    "duty_teams",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("team", Text, nullable=False),
    Column("is_fallback", Boolean, nullable=False),
    _by_entry(),
)
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("token_digest", LargeBinary, nullable=False, unique=True),
    _person(),
    Column("role", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("factors", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("reauthenticated_ms", BigInteger),
    Column("ended_ms", BigInteger),
    _by_entry(),
    Index("sessions_person", "person_id", "ended_ms"),
)
TOTP = Table(
    "totp",
    METADATA,
    _person(primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("confirmed_ms", BigInteger),
    _by_entry(),
)
PASSKEYS = Table(
    "passkeys",
    METADATA,
    Column("credential_id", LargeBinary, primary_key=True),
    _person(),
    Column("public_key", LargeBinary, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("transports", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    _by_entry(),
    Index("passkeys_person", "person_id"),
)
RECOVERY_CODES = Table(
    "recovery_codes",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    _person(),
    Column("used_ms", BigInteger),
    _by_entry(),
    Index("recovery_codes_person", "person_id", "used_ms"),
)
PROVIDER_SESSIONS = Table(
    "provider_sessions",
    METADATA,
    Column("session_id", Text, ForeignKey("sessions.id"), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sid", Text, nullable=False),
    _by_entry(),
    Index("provider_sessions_sid", "issuer", "sid"),
    Index("provider_sessions_subject", "issuer", "subject"),
)
# Bookkeeping that is no act: it names nobody (digests alone), and is forgotten after an hour.
LOCKOUTS = Table(
    "lockouts",
    METADATA,
    Column("counter", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Index("lockouts_last_ms", "last_ms"),
)
ACTS = Table(
    "acts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("action", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    _by_entry(),
    Index("acts_sent_ms", "sent_ms"),
)
SHIFTS = Table(
    "shifts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("post", Text, nullable=False),
    _person(),
    Column("role", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    _by_entry(),
    Index("shifts_post", "post", "ended_ms"),
)
HAND_OVERS = Table(
    "hand_overs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("post", Text, nullable=False),
    _person("from_id"),
    _person("to_id"),
    Column("at_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("open_alerts", Text, nullable=False),
    _by_entry(),
    Index("hand_overs_post", "post", "at_ms"),
)
DRILLS = Table(
    "drills",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    _person("started_by"),
    Column("started_ms", BigInteger, nullable=False),
    Column("rings", Boolean, nullable=False),
    Column("alerts", Text, nullable=False),
    Column("ended_by", Text, ForeignKey("people.id")),
    Column("ended_ms", BigInteger),
    _by_entry(),
    Index("drills_started_ms", "started_ms"),
)
REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("filer", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger),
    Column("request", LargeBinary, nullable=False),
    _by_entry(),
    Index("requests_fingerprint", "fingerprint"),
    Index("requests_received_ms", "received_ms"),
    Index("requests_due_ms", "due_ms"),
    Index("requests_filer", "filer", "received_ms"),
)
REQUEST_ACTS = Table(
    "request_acts",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, unique=True),
    Column("rules", Text, nullable=False),
    Column("act", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    _by_entry(),
)
REQUEST_COPIES = Table(
    "request_copies",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("recipient", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("receipt_ms", BigInteger),
    _by_entry(),
)
HOLDS = Table(
    "holds",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("cameras", Text, nullable=False),
    Column("placed_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("released_ms", BigInteger),
    Column("released_code", Text, nullable=False),
    Column("came_late", Text, nullable=False),
    _by_entry(),
    Index("holds_owner", "owner"),
    Index("holds_released_ms", "released_ms"),
)
AGREEMENTS = Table(
    "agreements",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("terms", Text, nullable=False),
    _person("proposed_by"),
    Column("proposed_ms", BigInteger, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_ms", BigInteger),
    Column("withdrawn_by", Text, nullable=False),
    Column("withdrawn_ms", BigInteger),
    Column("withdrawn_why", Text, nullable=False),
    _by_entry(),
)
# What the deleter took: a hold that is placed later is told so.
DELETIONS = Table(
    "deletions",
    METADATA,
    Column("target", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    _by_entry(),
    Index("deletions_since_ms", "since_ms"),
)
