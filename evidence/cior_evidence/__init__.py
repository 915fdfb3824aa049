"""Judicial requests, holds and verifiable evidence packages."""
