"""The core is pure: it reads no clock, does no input or output, logs nothing and imports the standard library,
msgspec and h3 only.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "core" / "cior_core"
MODULES = sorted(CORE.rglob("*.py"))

ALLOWED_LIBRARIES = {"cior_core", "msgspec", "h3"}
FORBIDDEN_IMPORTS = {
    "time",
    "random",
    "secrets",
    "socket",
    "ssl",
    "select",
    "selectors",
    "logging",
    "warnings",
    "asyncio",
    "threading",
    "multiprocessing",
    "subprocess",
    "concurrent",
    "os",
    "sys",
    "io",
    "pathlib",
    "shutil",
    "tempfile",
    "glob",
    "urllib",
    "http",
    "uuid",
    "signal",
    "platform",
    "getpass",
    "locale",
    "importlib",
    "pickle",
    "shelve",
    "sqlite3",
    "builtins",
}
FORBIDDEN_CALLS = {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"}
FORBIDDEN_METHODS = {
    "now",
    "utcnow",
    "today",
    "now_ms",
    "monotonic",
    "perf_counter",
    "getrandom",
    "urandom",
    "write_text",
    "write_bytes",
    "read_bytes",
}
EXEMPT = {
    ("bundled.py", "imports importlib"),
    ("centre_file.py", "imports pathlib"),
    ("centre_copies.py", "imports urllib"),
}
"""bundled.py reads the package's own data files; nothing else does. The centre file's paths are joined to its own and
not looked at; an address is taken apart and not asked.
"""


def violations(source: str) -> Iterator[str]:
    """What in ``source`` is not pure, as ``line: what``."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                for name in names:
                    yield from _import(node.lineno, name.name)
            case ast.ImportFrom(module=module, level=level):
                yield from _import(node.lineno, "relative" if level else module or "")
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield f"{node.lineno}: calls {name}"
            case ast.Call(func=ast.Attribute(attr=name)) if name in FORBIDDEN_METHODS:
                yield f"{node.lineno}: calls .{name}"
            case ast.Call(func=ast.Attribute(attr="fromtimestamp"), args=[_], keywords=[]):
                yield f"{node.lineno}: calls .fromtimestamp in the machine's zone"
            case (
                ast.Await() | ast.AsyncFor() | ast.AsyncWith() | ast.Global()
            ):  # a port may be declared async; nothing here may wait
                yield f"{node.lineno}: is {type(node).__name__}"
            case _:
                pass


def _import(line: int, name: str) -> Iterator[str]:
    top = name.partition(".")[0]
    if top in FORBIDDEN_IMPORTS or (top not in ALLOWED_LIBRARIES and top not in sys.stdlib_module_names):
        yield f"{line}: imports {top}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CORE)))
def test_law_6_the_core_reads_no_clock_and_does_no_io(path: Path) -> None:
    found = [
        line
        for line in violations(path.read_text(encoding="utf-8"))
        if (path.name, line.partition(": ")[2]) not in EXEMPT
    ]
    assert found == []


PLANTED = {
    "import time": "import time\n",
    "from time import time": "from time import time as t\n",
    "hidden in a function": "def f():\n    import random\n    return random.random()\n",
    "datetime.now": "from datetime import UTC, datetime\nx = datetime.now(UTC)\n",
    "datetime.utcnow": "import datetime\nx = datetime.datetime.utcnow()\n",
    "date.today": "from datetime import date\nx = date.today()\n",
    "local fromtimestamp": "from datetime import datetime\nx = datetime.fromtimestamp(1)\n",
    "socket": "import socket\n",
    "logging": "import logging\n",
    "structlog": "import structlog\n",
    "open": "x = open('f')\n",
    "print": "print('x')\n",
    "read_bytes": "def f(p):\n    return p.read_bytes()\n",
    "uuid4": "from uuid import uuid4\n",
    "a stranger": "import confluent_kafka\n",
    "await": "async def f(x):\n    await x\n",
    "a clock of the edge": "def f(clock):\n    return clock.now_ms()\n",
    "relative import": "from . import model\n",
    "importlib": "import importlib\n",
}


@pytest.mark.parametrize("case", PLANTED)
def test_each_planted_impurity_is_found(case: str) -> None:
    assert list(violations(PLANTED[case])) != []


def test_what_is_allowed_is_not_found() -> None:
    fine = (
        "import re\nfrom datetime import UTC, datetime\nimport h3\nimport msgspec\n"
        "from cior_core import model\nx = datetime.fromtimestamp(1, UTC)\n"
    )
    assert list(violations(fine)) == []


def test_importing_the_core_loads_no_clients_and_opens_nothing() -> None:
    """In a fresh interpreter that refuses sockets and files outside the installation."""
    names = [
        ".".join(("cior_core", *path.relative_to(CORE).with_suffix("").parts)).removesuffix(".__init__")
        for path in MODULES
    ]
    program = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event.startswith(('socket.', 'subprocess.')): raise RuntimeError(event)\n"
        "    if event == 'open' and args[1] and any(c in args[1] for c in 'wax+'): raise RuntimeError(str(args))\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(refuse)\n"
        f"for name in {names!r}: __import__(name)\n"
        "strangers = {'faust', 'confluent_kafka', 'aiokafka', 'chdb', 'clickhouse_connect', 'cv2', 'numpy', "
        "'aiohttp', 'structlog'} & set(sys.modules)\n"
        "assert not strangers, strangers\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
