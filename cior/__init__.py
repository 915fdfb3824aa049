"""The cior command: composition root and local supervisor."""
