"""The theatre: a simulated city on real wires, what it should show, and the verdict.

On top of everything; no product code knows it.
"""
