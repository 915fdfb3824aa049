"""The commands of this room, which ``cior`` finds by entry points (``cior.commands``)."""
