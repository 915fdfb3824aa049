"""Child program of clickhouse_lite: run libchdb's clickhouse-local entry with the arguments given.

python libchdb_server.py /path/to/libchdb.so --config-file ... --queries-file ...
"""

from __future__ import annotations

import ctypes
import sys


def main(library: str, arguments: list[str]) -> None:
    """Block until the last ``--queries-file`` ends."""
    engine = ctypes.CDLL(library)
    engine.chdb_query_cmdline.restype = ctypes.c_void_p
    argv = [b"clickhouse", *(argument.encode() for argument in arguments)]
    engine.chdb_query_cmdline(ctypes.c_int(len(argv)), (ctypes.c_char_p * len(argv))(*argv))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
