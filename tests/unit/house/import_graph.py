"""Which file of the product imports which: every ``import`` statement, also under TYPE_CHECKING and inside functions.

A ``from package import name`` points at the module ``package.name`` where there is one, else at the package's own
``__init__``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engines import source_tree

Graph = Mapping[str, frozenset[str]]


def graph(folders: Iterable[Path]) -> Graph:
    """Dotted module name to the modules of these packages that it imports. A folder is one top-level package."""
    known = {_dotted(path, folder): path for folder in folders for path in sorted(folder.rglob("*.py"))}
    return {name: frozenset(_imports(name, path, known) - {name}) for name, path in known.items()}


def _dotted(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(name: str, path: Path, known: Mapping[str, Path]) -> set[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return {
        found
        for node in ast.walk(source_tree.tree(path))
        for wanted in _wanted(node, package)
        if (found := _nearest(wanted, known))
    }


def _wanted(node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            base = ".".join([*above, *([module] if module else [])])
            yield from (f"{base}.{alias.name}" for alias in names)
        case _:
            return


def _nearest(wanted: str, known: Mapping[str, Path]) -> str:
    """The module itself, or the one that holds the name; empty for strangers."""
    holder = wanted.rpartition(".")[0]
    return wanted if wanted in known else holder if holder in known else ""


def circles(edges: Graph) -> list[tuple[str, ...]]:
    """Every strongly connected group of two or more modules, each sorted, the groups too (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in edges.get(module, ()):
            if other not in order:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == order[module]:
            at = stack.index(module)
            group, stack[at:] = stack[at:], []
            found.extend([tuple(sorted(group))] if len(group) > 1 else [])

    for module in edges:
        if module not in order:
            visit(module)
    return sorted(found)


def way_round(group: Iterable[str], edges: Graph) -> list[str]:
    """``a -> b`` for every import that keeps the group together, for a person who must cut one."""
    inside = frozenset(group)
    return [f"{module} -> {other}" for module in sorted(inside) for other in sorted(edges[module] & inside)]
