"""The conformance kit: one line in an author's test file gives the whole suite.

``TestSirens = conformance("my_package.sirens")`` (see :mod:`cior_connectors.kit.suite`).
"""
