"""How long a press takes to a phone: from the moment before its first byte to the webhook's request, whole.

    python benchmarks/bench_notices.py [--presses 120] [--per-s 1] [--rate 0] [--quick]

A whole centre of processes on the embedded broker with a `notify` connector; the phone is an HTTP server on loopback.
Afterwards the topics say which alert a message told of (its key follows from the command), and the alert's place which
press that was. Baseline: the same presses on the live feed of an open page. ``--rate``: telemetry events a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench_press_legs import messages, pressed
from cior_bus import topics
from cior_bus.embedded.tansu import free_port
from cior_connectors.builtin.notify.channels import key_of
from cior_core import codec
from cior_core.catalogue import Kind
from cior_core.model import Alert, Command
from measured import Clocked, Row, Table, latency, markdown, now_ms, write
from press_rig import CityLoad, GridCentre, Press, Spot

PERSON, CHANNEL, TEAM = "ana", "sms", "team:police"
P95_MS, P99_MS = 500.0, 1000.0
"""The aims are those of a press on the wall."""

_DUTY = """
person = [{ id = "ana", name = "Ana" }]
[[team]]
id = "police"
name_es = "Policía"
name_en = "Police"
shift = [{ starts = "00:00", ends = "00:00", people = ["ana"] }]
"""
_NOTICES = """kind = "notify"
name = "avisos"
[config]
directory = "{folder}/duty.toml"
contacts = "{folder}/contacts.toml"
public_url = "http://127.0.0.1:{port}"
port = {port}
[[config.webhook]]
name = "sms"
url = "{url}"
secret = "of a measurement alone"
per_minute = 6000
"""


class Phone(ThreadingHTTPServer):
    """Says when each message was whole here, by its key."""

    def __init__(self) -> None:
        phone, self.came_ms = self, dict[str, int]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                phone.came_ms.setdefault(json.loads(body)["id"], now_ms())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


def spots(centre: GridCentre) -> dict[str, Spot]:
    """The place of each alert."""
    return {
        alert.id: (round(alert.place.lat, 6), round(alert.place.lon or 0.0, 6))
        for message in messages(centre, topics.ALERTS)
        if isinstance(alert := codec.decode(Kind.ALERT, message.value() or b"null"), Alert)
        and alert.place.lat is not None
    }


def rang(centre: GridCentre, phone: Phone, presses: list[Press]) -> tuple[list[int], int]:
    """Milliseconds from each press to its message, and how many that the police had to be told of never came."""
    places, by_spot = spots(centre), {press.spot: press for press in presses}
    took, lost = [], 0
    for message in messages(centre, topics.COMMANDS):
        command = codec.decode(Kind.COMMAND, message.value() or b"null")
        if not isinstance(command, Command) or command.target != TEAM:
            continue
        press = by_spot.get(places.get(command.alert_id, (0.0, 0.0)))
        came_ms = phone.came_ms.get(key_of(command.id, PERSON, CHANNEL))
        if press is not None and came_ms is not None:
            took.append(came_ms - press.at_ms)
        lost += press is not None and came_ms is None
    return took, lost


def measure(options: argparse.Namespace) -> tuple[Table, str]:
    """One fresh centre."""
    with (
        tempfile.TemporaryDirectory(prefix="cior-bench-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        folder, phone = Path(name), stack.enter_context(Phone())
        (folder / "duty.toml").write_text(_DUTY, encoding="utf-8")
        (folder / "contacts.toml").touch(mode=0o600)
        (folder / "contacts.toml").write_text(f'[{PERSON}]\n{CHANNEL} = "phone"\n', encoding="utf-8")
        text = _NOTICES.format(folder=folder, port=free_port(), url=phone.url)
        (folder / "notices.toml").write_text(text, encoding="utf-8")
        added = '\n[[connector]]\nfile = "notices.toml"\n'
        centre = stack.enter_context(GridCentre(folder, seed=29, edit=lambda text: text + added))
        if options.rate:
            stack.enter_context(CityLoad(centre, rate=options.rate, front_rate=min(200, options.rate)))
        presses = asyncio.run(pressed(centre, options, seed=29))
        took, lost = rang(centre, phone, presses)
        phone.shutdown()
    feed = latency(
        "press → live feed", [press.feed_ms - press.at_ms for press in presses if press.feed_ms is not None]
    )
    note = (
        f"{len(presses)} presses, {len(took)} of which the police were told of; {lost} messages never came."
    )
    return Table(title="embedded broker", rows=(feed, _row(took, feed))), note


def _row(took: list[int], feed: Row) -> Row:
    base = ("the live feed", feed.median)
    return latency("press → webhook", took, baseline=base, p95_aim=P95_MS, p99_aim=P99_MS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presses", type=int, default=120)
    parser.add_argument("--per-s", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--quick", action="store_true", help="20 presses; the result is kept apart")
    options = parser.parse_args()
    if options.quick:
        options.presses = 20
    behind = f", with {options.rate:,.0f} telemetry events/s" if options.rate else ", alone"
    name = "notices_loaded" if options.rate else "notices"
    clocked = Clocked(name, f"Press to phone{behind}", quick=options.quick)
    table, note = measure(options)
    result = clocked.result([table], [note])
    print(markdown(result))
    print(write(result))


if __name__ == "__main__":
    main()
