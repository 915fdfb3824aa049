"""Which public functions and methods of a package nobody calls in production, by the names in the source.

A function counts as called when a product file other than its own imports it (or its module) and uses the name. A
method or property counts as called when any product file reads an attribute of that name: objects travel, so the type
is not known. Both err on the side of silence.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from engines import source_tree

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """One parsed file: its dotted name, what its imports bind, and which dotted names and attributes it uses."""

    def __init__(self, module: str, path: Path) -> None:
        self.module = module
        self.tree = source_tree.tree(path)
        self.bound = dict(_bindings(self.tree))
        self.names = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        self.attributes = {node.attr for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}
        self.uses = {name for node in ast.walk(self.tree) if (name := self._dotted(node))}

    def _dotted(self, node: ast.AST) -> str:
        """The full name of what an expression reads, empty when an import does not tell."""
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                return self.bound.get(name, "")
            case ast.Attribute(value=value, attr=attribute):
                holder = self._dotted(value)
                return f"{holder}.{attribute}" if holder else ""
            case _:
                return ""


def _bindings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    first = alias.name.partition(".")[0]
                    yield (alias.asname, alias.name) if alias.asname else (first, first)
            case ast.ImportFrom(module=str(module), names=names):
                for alias in names:
                    yield alias.asname or alias.name, f"{module}.{alias.name}"
            case _:
                pass


def sources(folders: Iterable[Path]) -> dict[str, Source]:
    """Dotted module name to its source, for every file of these folders; a folder is a package or holds scripts."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[module] = Source(module, path)
    return found


def uncalled(package: str, known: Mapping[str, Source]) -> list[str]:
    """``module.function`` and ``module.Class.method`` of the package that no product file uses, sorted."""
    uses: dict[str, set[str]] = defaultdict(set)
    for source in known.values():
        for name in source.uses:
            uses[_home(name, known)].add(source.module)
    attributes = {attribute for source in known.values() for attribute in source.attributes}
    return sorted(
        name
        for module, source in known.items()
        if module.split(".")[0] == package
        for name, method in _public(source)
        if (name.rpartition(".")[2] not in attributes if method else not uses[name] - {module})
    )


def idle(package: str, known: Mapping[str, Source]) -> list[str]:
    """``module._function`` of the package that its own file never names: private, so nobody else may."""
    return sorted(
        f"{module}.{node.name}"
        for module, source in known.items()
        if module.split(".")[0] == package
        for node in source.tree.body
        if isinstance(node, FUNCTION) and node.name[0] == "_" and node.name not in source.names
    )


def _home(name: str, known: Mapping[str, Source]) -> str:
    """Where a name that a package hands on was written."""
    module, _, last = name.rpartition(".")
    while module in known and last in known[module].bound and known[module].bound[last] != name:
        name = known[module].bound[last]
        module, _, last = name.rpartition(".")
    return name


def _public(source: Source) -> Iterator[tuple[str, bool]]:
    """Full name of each public function (False) and of each public method of a public class (True)."""
    for node in source.tree.body:
        if isinstance(node, FUNCTION) and not node.name.startswith("_"):
            yield f"{source.module}.{node.name}", False
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = [each.name for each in node.body if isinstance(each, FUNCTION)]
            yield from ((f"{source.module}.{node.name}.{each}", True) for each in methods if each[0] != "_")


def main(packages: Iterable[str]) -> None:
    """Print what nobody calls in these packages: ``cd tests && python -m unit.house.callers cior_bus cior_store``."""
    folders = [*source_tree.package_folders(), *(source_tree.ROOT / name for name in source_tree.SCRIPTS)]
    known = sources(folders)
    for package in packages:
        print(*uncalled(package, known), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
