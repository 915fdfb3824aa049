"""What the runtime owns so that authors need not write it. Private: authors see ``contract``, ``decoding`` and ``kit``."""
