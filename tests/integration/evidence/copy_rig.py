"""A whole sound copy of the package of :mod:`package_rig`, made anew for each tampering."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from integration.evidence.package_rig import Draft, draft, line, lines, sha
from integration.evidence.tampering_kit import TAMPERINGS, Made, Outside

CLASSES = {"copia_de_vista": "vista", "copia_velada": "velada"}


@functools.cache
def native_digest() -> str:
    """SHA-256 of the native package's tag manifest."""
    return sha(draft().bag()["tagmanifest-sha256.txt"])


def copy_draft(kind: str) -> Draft:
    """A copy of the delivery: its films stand for those that were encoded again."""
    whole = draft()
    whole.request |= {"tipo": kind, "deriva_de": native_digest(), "eventos": None}
    whole.payload = {path: film for path, film in whole.payload.items() if path.startswith("data/nativo/")}
    whole.payload = {path.replace("nativo", "vista", 1): film for path, film in whole.payload.items()}
    whole.closed = []  # a copy has no records
    whole.segments = [_row(row, CLASSES[kind]) for row in whole.segments]
    whole.raw_meta["copia.json"] = line(about(kind))
    if kind == "copia_velada":
        whole.raw_meta["velos.jsonl"] = lines(veils(whole.segments))
    return whole


def about(kind: str, digest: str | None = None) -> dict[str, Any]:
    """``copia.json``."""
    named = {"paquete": "SF-2026-000123", "tagmanifest_sha256": digest or native_digest()}
    return {"clase": CLASSES[kind], "deriva_de": named, "velado": None}


def _row(row: dict[str, Any], of_class: str) -> dict[str, Any]:
    native = {name: row[name] for name in ("archivo", "sha256", "carga_sha256", "cuadros")}
    told = {name: value for name, value in row.items() if name != "partes"}
    path = row["archivo"].replace("nativo", "vista", 1)
    return told | {"archivo": path, "clase": of_class, "nativo": native, "sin_decodificar": 0}


def veils(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each picture was looked at but the last two of each file, which are veiled whole."""
    told = []
    for row in rows:
        seen = row["cuadros"] - 2
        for first, last, why in ((0, seen, "mirado"), (seen, row["cuadros"], "sin_deteccion")):
            told.append(
                {
                    "archivo": row["archivo"],
                    "pista": None,
                    "desde_cuadro": first,
                    "hasta_cuadro": last,
                    "motivo": why,
                }
            )
    return told


def of_copy(kind: str) -> Callable[[Callable[[Draft], None]], Callable[[Draft], None]]:
    """Registers an insider's tampering of a copy of this kind."""

    def registered(function: Callable[[Draft], None]) -> Callable[[Draft], None]:
        def make(folder: Path) -> Made:
            whole = copy_draft(kind)
            function(whole)
            return whole.write(folder), Outside()

        TAMPERINGS[function.__name__] = make
        return function

    return registered
