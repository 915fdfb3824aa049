"""Alembic scripts; `cior_register.migrate` runs them."""
