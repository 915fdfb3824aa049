"""The conformance kit's peer: a CAD that drops files and waits for them to be taken."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import msgspec

from cior_connectors.builtin.cad_drop.config import CadDropConfig
from cior_connectors.contract import ConnectorConfig, Source
from cior_connectors.kit.subject import Answer

HEADER = b"numero;creado;modificado;tipo;direccion;lat;lon;prioridad;estado;unificado_en;prueba;relato\r\n"


class CadDropPeer:
    """One file a record, with the header of ``config.example.toml``, written aside and renamed."""

    def __init__(self) -> None:
        self._inbox = Path()
        self._files = 0

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:
        """The example on a folder of its own, looking often."""
        self._inbox = folder / "inbox"
        self._inbox.mkdir(exist_ok=True)
        return cast("CadDropConfig", msgspec.structs.replace(example, folder=str(self._inbox), poll_s=0.02))

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:  # noqa: ARG002  by the folder
        """Drop a file with ``payload`` as its record; accepted when it lies in ``done/`` or ``quarantine/`` in time."""
        self._files += 1
        name = f"{self._files:06d}.csv"
        aside = self._inbox / f".{name}"
        aside.write_bytes(HEADER + payload)
        aside.rename(self._inbox / name)
        try:
            async with asyncio.timeout(within_s):
                while (self._inbox / name).exists():  # noqa: ASYNC110  a folder tells nobody
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return Answer(accepted=False, detail="the file still lies in the inbox")
        return Answer(accepted=True, detail="the file was moved")
