"""``cior watch``: on another machine, rings when the centre itself is silent, late or beside its time."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click
import msgspec

from cior_bus.signing import refuse_if_shared
from cior_connectors._runtime.settings import read_config, read_text
from cior_connectors.builtin.notify.watch import Watcher, WatchSettings
from cior_core.errors import ConfigInvalid


def settings_of(config: Path | None, url: str | None) -> WatchSettings:
    """The watcher's file, or with an address alone one that only makes noise here. Raises ``ConfigInvalid``."""
    if config is None:
        if url is None:
            raise ConfigInvalid("watch.nothing", "nothing to watch", cure="give --url or --config")
        return WatchSettings(centre=url, url=url)
    text = read_text(config)
    refuse_if_shared(config)
    settings = read_config(text, WatchSettings, file=config.name)
    assert isinstance(settings, WatchSettings)
    return settings if url is None else msgspec.structs.replace(settings, url=url)


def watch(config: Path | None, url: str | None, *, once: bool, language: str | None = None) -> int:
    """Until SIGTERM or Ctrl-C: 0. ``once``: as many looks as it takes to be sure; 0 when all is well, else 1."""
    settings = settings_of(config, url)
    if language is not None:
        settings = msgspec.structs.replace(settings, language=language)
    watcher = Watcher(settings, say=click.echo)
    if once:
        return 0 if asyncio.run(watcher.well_now()) else 1
    asyncio.run(_until_told(watcher))
    return 0


async def _until_told(watcher: Watcher) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.ensure_future(watcher.run())
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait({watching, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (watching, waiting):
        task.cancel()
    (ended, _) = await asyncio.gather(watching, waiting, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended
