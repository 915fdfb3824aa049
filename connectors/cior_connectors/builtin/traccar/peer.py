"""The conformance kit's peer: plays Traccar against the real receiver."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import aiohttp
import msgspec

from cior_connectors.builtin.traccar.config import TraccarConfig
from cior_connectors.builtin.traccar.forwarder import Forwarder
from cior_connectors.builtin.traccar.source import TraccarSource
from cior_connectors.contract import ConnectorConfig, Source
from cior_connectors.kit.subject import Answer


class TraccarPeer:
    """Posts with the example's secret to whatever port the source got."""

    def __init__(self) -> None:
        self._config: TraccarConfig | None = None

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:  # noqa: ARG002  the kit's signature
        """The example on a free port."""
        self._config = cast("TraccarConfig", msgspec.structs.replace(example, host="127.0.0.1", port=0))
        return self._config

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:
        """One POST. A timeout or a broken connection is no answer."""
        assert isinstance(source, TraccarSource)
        assert self._config is not None
        assert self._config.shared_secret is not None
        url = f"http://127.0.0.1:{source.port}{self._config.path}"
        async with Forwarder(
            url, secret=self._config.shared_secret.reveal(), timeout_s=within_s
        ) as forwarder:
            try:
                status, body = await forwarder.post(payload)
            except (aiohttp.ClientError, TimeoutError) as error:
                return Answer(accepted=False, detail=f"no answer ({type(error).__name__})")
        return Answer(accepted=200 <= status < 300, detail=f"{status} {body.decode()}")
