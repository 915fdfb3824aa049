"""The connectors that come with CIOR; each is a folder an author could have written."""
