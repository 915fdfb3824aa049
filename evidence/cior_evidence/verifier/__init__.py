"""The verifier in parts. ``build.py`` makes of them the one file that travels with each package: ``verify.py``.

Written for Python 3.8 with nothing but the standard library: it runs on an expert's machine, years from now.
Only ``from cior_evidence.verifier.x import name`` joins the parts, and no two parts give the same name to two things.
"""
