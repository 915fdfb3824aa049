"""The register: people, sessions, shifts and the one ledger of acts and reads. The only user of SQLAlchemy."""
