"""The conformance kit's peer: a watcher on another machine that reports."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import aiohttp
import msgspec

from cior_connectors.builtin.notify.config import NotifyConfig
from cior_connectors.builtin.notify.page import BEAT_SIGNATURE, beat_signature
from cior_connectors.builtin.notify.source import NotifySource
from cior_connectors.contract import ConnectorConfig, Source
from cior_connectors.kit.subject import Answer


class NotifyPeer:
    """Posts with the example's secret to whatever port the source got."""

    def __init__(self) -> None:
        self._config: NotifyConfig | None = None

    def config(self, example: ConnectorConfig, folder: Path) -> ConnectorConfig:
        """The example on a free port, with an empty directory and no contacts."""
        (folder / "duty.toml").write_text("", encoding="utf-8")
        contacts = folder / "contacts.toml"
        contacts.touch(mode=0o600)
        self._config = cast(
            "NotifyConfig",
            msgspec.structs.replace(
                example,
                host="127.0.0.1",
                port=0,
                directory=str(folder / "duty.toml"),
                contacts=str(contacts),
            ),
        )
        return self._config

    async def send(self, source: Source, payload: bytes, *, within_s: float) -> Answer:
        """One POST. A timeout or a broken connection is no answer."""
        assert isinstance(source, NotifySource)
        assert self._config is not None
        watcher = self._config.watcher[0]
        url = f"http://127.0.0.1:{source.port}/beat/{watcher.name}"
        headers = {BEAT_SIGNATURE: beat_signature(watcher.secret.reveal(), payload)}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=within_s)) as session,
                session.post(url, data=payload, headers=headers) as answer,
            ):
                return Answer(accepted=answer.status == 202, detail=str(answer.status))
        except (aiohttp.ClientError, TimeoutError) as error:
            return Answer(accepted=False, detail=f"no answer ({type(error).__name__})")
