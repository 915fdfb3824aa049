"""Makes the one-file verifiers out of their parts: ``python -m cior_evidence.verifier.build``.

``verify.py``: the parts in the order of their imports, joined; ``verificar.html``: the page's parts, its style and the
table of sentences, with a policy that lets nothing in or out. Both are committed, since their digests are published;
a test keeps them fresh.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Final

from cior_evidence.verifier.sentences import SENTENCES, STEPS

HERE: Final = Path(__file__).resolve().parent
VERIFY: Final = HERE.parent / "verify.py"
PAGE: Final = HERE.parent / "verificar.html"
PAGE_SOURCES: Final = HERE / "page"
_PACKAGE: Final = "cior_evidence.verifier."
# Each after what it imports.
PARTS: Final = (
    "der", "signing_algorithms", "certificates", "cms", "time_stamps", "sentences_later", "sentences", "findings",
    "folder", "bag", "stored_zip", "strict_json", "mp4", "seal", "renewals", "act", "contents", "parts", "copies",
    "camera_signing", "footage", "secretbox", "boxes", "ledger", "registering", "inclusion", "command",
)  # fmt: skip
_HEAD: Final = '''\
#!/usr/bin/env python3
"""Verifica un paquete de evidencia CIOR-Bag-1 sin instalar nada: Python 3.8 o posterior, sin red, solo lectura.

    python3 verify.py CARPETA-O-ZIP --root raiz.pem

La raíz debe venir de AFUERA del paquete (docs/perito.md). Sale con 0 sin defectos, 1 con defectos, 2 si algo no se
pudo probar. Verifies a CIOR-Bag-1 evidence package: standard library only, no network, read-only.

AGPL-3.0-or-later. Generated from cior_evidence/verifier by its build.py: change the parts, not this file.
"""

from __future__ import annotations

'''


def joined() -> str:
    """The text of ``verify.py``. ``ValueError`` when two parts give one name to two things."""
    imports: dict[str, set[str]] = {}
    bodies, owner = [], dict[str, str]()
    for part in PARTS:
        text = (HERE / f"{part}.py").read_text(encoding="utf-8")
        tree = ast.parse(text)
        _claim(tree, part, owner)
        lines = text.splitlines(keepends=True)
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                _take_import(node, imports)
                _blank(lines, node)
        first = tree.body[0]
        if isinstance(first, ast.Expr):
            doc = " ".join(ast.literal_eval(first.value).split("\n\n")[0].split())
            _blank(lines, first)
            bodies.append(f"# === {part}: {doc} ".rstrip() + "\n\n\n" + "".join(lines).strip("\n") + "\n")
    text = _HEAD + _import_lines(imports) + "\n\n" + "\n\n".join(bodies)
    return re.sub(r"\n{4,}", "\n\n\n", text)


def _blank(lines: list[str], node: ast.stmt) -> None:
    for number in range(node.lineno - 1, node.end_lineno or node.lineno):
        lines[number] = ""


def _take_import(node: ast.Import | ast.ImportFrom, imports: dict[str, set[str]]) -> None:
    if isinstance(node, ast.Import):
        imports.update({alias.name: imports.get(alias.name, set()) for alias in node.names})
    elif node.module != "__future__" and not (node.module or "").startswith(_PACKAGE):
        imports.setdefault(node.module or "", set()).update(alias.name for alias in node.names)


def _import_lines(imports: dict[str, set[str]]) -> str:
    plain = [f"import {name}\n" for name in sorted(imports) if not imports[name]]
    some = [
        f"from {name} import {', '.join(sorted(imports[name]))}\n"
        for name in sorted(imports)
        if imports[name]
    ]
    return "".join(plain + some)


def _claim(tree: ast.Module, part: str, owner: dict[str, str]) -> None:
    for node in tree.body:
        for name in _names(node):
            if owner.setdefault(name, part) != part:
                raise ValueError(f"{name} is in {owner[name]} and in {part}")


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]


# Each after what it uses while it loads.
PAGE_PARTS: Final = (
    "der", "digests", "signatures", "certificates", "files", "contents", "parts", "copies", "camera_signing",
    "footage", "boxes",
    "seal", "renewals", "app",
)  # fmt: skip
_POLICY: Final = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def page() -> str:
    """The text of ``verificar.html``: its policy allows this script and this style, by their digests, and no more."""
    tables = [
        f"const {name} = {json.dumps(value, ensure_ascii=False)};\n"
        for name, value in (("STEPS", STEPS), ("SENTENCES", SENTENCES))
    ]
    script = '"use strict";\n' + "".join(tables) + "\n".join(_source(f"{part}.js") for part in PAGE_PARTS)
    style = _source("page.css")
    policy = _POLICY.format(script=_allowed(script), style=_allowed(style))
    text = _source("page.html").replace("{policy}", policy).replace("{style}", style)
    return text.replace("{script}", script)


def _source(name: str) -> str:
    return (PAGE_SOURCES / name).read_text(encoding="utf-8")


def _allowed(text: str) -> str:
    """How a policy names an inline script or style (CSP level 3 §2.3.1)."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def files() -> dict[Path, str]:
    """Every file that is built, with its text."""
    return {VERIFY: joined(), PAGE: page()}


def main() -> int:
    """Write them."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
