"""What the runtime owns, so that authors need not write it. They see ``contract``, ``decoding`` and ``kit`` only."""
