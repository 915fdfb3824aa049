"""The city pack's map tiles (PMTiles), by byte range: a page asks for the few kilobytes of the tiles that it shows."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from cior_console.endpoints import Endpoint
from cior_console.problems import Refused
from cior_core.model import DataClass
from cior_core.privacy import Role

TILES = web.AppKey("tiles", Path)
"""The file; not there without tiles."""


async def _tiles(request: web.Request) -> web.StreamResponse:
    path = request.app.get(TILES)
    if path is None or not path.is_file():
        raise Refused("city.no_tiles")
    headers = {
        "Content-Type": "application/vnd.pmtiles",
        "Cache-Control": "private, max-age=3600",
        "X-Content-Type-Options": "nosniff",
    }
    return web.FileResponse(path, chunk_size=65_536, headers=headers)


def tile_endpoints() -> tuple[Endpoint, ...]:
    """One row of the table."""
    return (
        Endpoint(
            name="city.tiles",
            method="GET",
            path="/api/v1/city/tiles",
            says="The city's map tiles, one PMTiles file: by byte range (RFC 9110 §14), with an entity tag",
            handler=_tiles,
            roles=frozenset(Role),
            data_class=DataClass.PUBLIC,
            media_type="application/vnd.pmtiles",
            problems=("city.no_tiles",),
        ),
    )
