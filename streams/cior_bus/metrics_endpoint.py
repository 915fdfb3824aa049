"""``/metrics`` of one process over HTTP, in Prometheus' text format (exposition format 0.0.4, or OpenMetrics when asked
for).
"""

from __future__ import annotations

import socket
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import structlog
from prometheus_client import MetricsHandler

from cior_bus.metrics import Metrics

_LOG = structlog.get_logger(__name__)
LOOPBACK = "127.0.0.1"
PATH = "/metrics"


class _Handler(MetricsHandler):
    """The library's answer on its own path alone."""

    def do_GET(self) -> None:  # noqa: N802  (the name that http.server calls)
        if urlsplit(self.path).path == PATH:
            super().do_GET()
        else:
            self.send_error(404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class MetricsEndpoint:
    """Serves from its making until :meth:`close`. ``port`` 0 takes a free one; ``url`` says where it is.

    Numbers never cost a part its work: an address that cannot be had is logged, and a free port of the loopback is
    taken instead.
    """

    def __init__(self, metrics: Metrics, *, host: str = LOOPBACK, port: int = 0) -> None:
        handler = _Handler.factory(metrics.registry)
        try:
            self._server = _listening(host, port, handler)
        except OSError as error:
            _LOG.error("metrics_address_refused", host=host, port=port, errno=error.errno)
            self._server = _listening(LOOPBACK, 0, handler)
        at, taken = self._server.socket.getsockname()[:2]
        self.url = f"http://{f'[{at}]' if ':' in at else at}:{taken}{PATH}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True
        )
        self._thread.start()
        _LOG.info("metrics_served", url=self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _listening(host: str, port: int, handler: type) -> ThreadingHTTPServer:
    kind = _Server6 if ":" in host else _Server
    return kind((host, port), handler)
