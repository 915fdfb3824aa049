"""Topics to tables: storing, reconciliation, housekeeping. Its process is the part ``sink``."""
