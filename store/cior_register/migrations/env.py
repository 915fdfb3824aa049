"""What Alembic executes: on the connection that ``cior_register.migrate`` hands over, all in one transaction."""

from __future__ import annotations

from alembic import context

# On SQLite Alembic believes that DDL commits by itself; as our connections begin a transaction, it does not.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
