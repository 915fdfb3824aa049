"""Ready sources for authors: a line listener, an HTTP poller, an MQTT subscriber, a folder of files.

Each does what is easily done wrong (law 1's order, limits, time-outs, what is read again after a refusal); an author
derives from one and writes ``decode``.
"""
