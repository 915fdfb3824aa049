"""Topics, serialisation, producer, spool and dead letters. No Faust."""
