"""People, sessions, factors, shifts; the ledger with what keeps it append-only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from cior_core.chain import genesis

revision = "0001"
down_revision = None


def _text(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, **{"nullable": False, "autoincrement": False, **options})


def _bytes(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=False, **options)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _person(name: str = "person_id", **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, sa.ForeignKey("people.id"), nullable=False, **options)


def _by_entry() -> sa.Column[Any]:
    reference = sa.ForeignKey("ledger.seq", deferrable=True, initially="DEFERRED")
    return sa.Column("ledger_seq", sa.BigInteger, reference, nullable=False)


def upgrade() -> None:
    """Make all of it."""
    _ledger()
    _people()
    _sign_in()
    _work()
    statements = _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL
    for statement in statements:
        op.execute(statement)


def _ledger() -> None:
    op.create_table(
        "ledger",
        _number("seq", primary_key=True), _text("id", unique=True), _bytes("entry"), _text("previous"), _text("hash"),
        _number("at_ms"), _text("actor"), _text("act"), _text("subject"),
    )  # fmt: skip
    for name in ("actor", "act", "subject"):
        op.create_index(f"ledger_{name}", "ledger", [name, "seq"])
    op.create_index("ledger_at_ms", "ledger", ["at_ms"])
    for name in ("ledger_head", "ledger_published"):
        one = sa.CheckConstraint("one = 1", name=f"{name}_one")
        more = [_text("hash")] if name == "ledger_head" else []
        op.create_table(name, sa.Column("one", sa.Integer, one, primary_key=True), _number("seq"), *more)
    op.execute(f"INSERT INTO ledger_head (one, seq, hash) VALUES (1, 0, '{genesis('register')}')")
    op.execute("INSERT INTO ledger_published (one, seq) VALUES (1, 0)")
    op.create_table(
        "journal_taken", _text("chain", primary_key=True), _number("seq", primary_key=True), _text("hash"), _by_entry(),
    )  # fmt: skip


def _people() -> None:
    op.create_table(
        "people",
        _text("id", primary_key=True), _text("login", unique=True), _text("name"), _text("language"),
        _flag("disabled"), sa.Column("password_hash", sa.Text), _number("password_ms", nullable=True),
        _flag("must_change"), _number("created_ms"), _by_entry(),
    )  # fmt: skip
    op.create_table(
        "grants", _person(primary_key=True), _text("role", primary_key=True), _text("scope"), _by_entry()
    )
    op.create_table(
        "identities", _text("issuer", primary_key=True), _text("subject", primary_key=True), _person(), _by_entry(),
    )  # fmt: skip
    op.create_table(
        "agencies",
        _text("id", primary_key=True),
        _text("name"),
        _text("kind"),
        _text("districts"),
        _by_entry(),
    )


def _sign_in() -> None:
    op.create_table(
        "sessions",
        _text("id", primary_key=True), _bytes("token_digest", unique=True), _person(), _text("role"), _text("kind"),
        _text("label"), _text("factors"), _number("created_ms"), _number("expires_ms"),
        _number("reauthenticated_ms", nullable=True), _number("ended_ms", nullable=True), _by_entry(),
    )  # fmt: skip
    op.create_index("sessions_person", "sessions", ["person_id", "ended_ms"])
    op.create_table(
        "totp",
        _person(primary_key=True), _bytes("secret"), _number("last_step"), _number("confirmed_ms", nullable=True),
        _by_entry(),
    )  # fmt: skip
    op.create_table(
        "passkeys",
        _bytes("credential_id", primary_key=True), _person(), _bytes("public_key"), _number("counter"),
        _text("transports"), _text("label"), _number("added_ms"), _by_entry(),
    )  # fmt: skip
    op.create_index("passkeys_person", "passkeys", ["person_id"])


def _work() -> None:
    op.create_table(
        "shifts",
        _text("id", primary_key=True), _text("post"), _person(), _text("role"), _number("started_ms"),
        _number("ended_ms", nullable=True), _by_entry(),
    )  # fmt: skip
    op.create_index("shifts_post", "shifts", ["post", "ended_ms"])
    op.create_table(
        "hand_overs",
        _text("id", primary_key=True), _text("post"), _person("from_id"), _person("to_id"), _number("at_ms"),
        _text("note"), _text("open_alerts"), _by_entry(),
    )  # fmt: skip
    op.create_index("hand_overs_post", "hand_overs", ["post", "at_ms"])


def _never(table: str, verb: str) -> str:
    """SQLite: a trigger that refuses."""
    return (
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


# The head moves by the insert of an entry alone. What holds here holds for whoever writes through SQL; the owner of
# the file, or a superuser of the server, can take a trigger away: that is what checkpoints are for.
_SQLITE = (
    (
        "CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger WHEN NOT EXISTS "
        "(SELECT 1 FROM ledger_head WHERE seq + 1 = NEW.seq AND hash = NEW.previous) "
        "OR EXISTS (SELECT 1 FROM ledger WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, 'this entry does not follow the ledger'); END"
    ),
    (
        "CREATE TRIGGER ledger_moves AFTER INSERT ON ledger "
        "BEGIN UPDATE ledger_head SET seq = NEW.seq, hash = NEW.hash; END"
    ),
    (
        "CREATE TRIGGER ledger_head_steps BEFORE UPDATE ON ledger_head WHEN NEW.one <> 1 OR NEW.seq <> OLD.seq + 1 OR "
        "NOT EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq AND hash = NEW.hash) "
        "BEGIN SELECT RAISE(ABORT, 'the head of the ledger moves with its entries'); END"
    ),
    *(_never(table, verb) for table in ("ledger", "journal_taken") for verb in ("UPDATE", "DELETE")),
    *(_never("ledger_head", verb) for verb in ("INSERT", "DELETE")),
)

_POSTGRESQL = (
    # SECURITY DEFINER: the service may lock and move the head through these two alone.
    (
        "CREATE FUNCTION ledger_head_locked() RETURNS TABLE (seq bigint, hash text) LANGUAGE sql SECURITY DEFINER "
        "SET search_path FROM CURRENT AS $$ SELECT h.seq, h.hash FROM ledger_head h FOR UPDATE $$"
    ),
    "REVOKE ALL ON FUNCTION ledger_head_locked() FROM PUBLIC",
    """CREATE FUNCTION ledger_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path FROM CURRENT AS $$
    DECLARE head record;
    BEGIN
      SELECT h.seq, h.hash INTO head FROM ledger_head h FOR UPDATE;
      IF NEW.seq <> head.seq + 1 OR NEW.previous <> head.hash THEN
        RAISE EXCEPTION 'this entry does not follow the ledger' USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      UPDATE ledger_head SET seq = NEW.seq, hash = NEW.hash;
      RETURN NEW;
    END $$""",
    "CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_follows()",
    """CREATE FUNCTION ledger_head_steps() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.one <> 1 OR NEW.seq <> OLD.seq + 1 THEN
        RAISE EXCEPTION 'the head of the ledger moves with its entries';
      END IF;
      RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER ledger_head_steps BEFORE UPDATE ON ledger_head "
        "FOR EACH ROW EXECUTE FUNCTION ledger_head_steps()"
    ),
    """CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$""",
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        for table in ("ledger", "journal_taken")
    ),
    (
        "CREATE TRIGGER ledger_head_append_only BEFORE INSERT OR DELETE OR TRUNCATE ON ledger_head "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
    ),
)
