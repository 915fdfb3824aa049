"""Every process of a running centre serves its numbers, at an address that can be found, and a press shows in each
histogram of its way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cior.stack import stream_settings
from cior_bus.readiness import facts
from cior_streams.health import read_health
from e2e.running_centre import RunningCentre, until

STREAMS = ("streams-urgent", "streams-bulk")
SHOWN = {
    "connectors-dc09": "cior_connectors_connects_total",
    "connectors-traccar": "cior_connectors_connects_total",
    "connectors-cad_drop": "cior_connectors_state_level",
    "streams-urgent": "cior_streams_ready_state",
    "streams-bulk": "cior_streams_ready_state",
    "sink-console": "cior_sink_receipt_to_row_seconds",
    "vision-1": "cior_vision_frame_to_event_seconds",
    "recorder-1": "cior_recorder_cameras",
}

OWN = {
    "connectors": ("cior_connectors_",),
    "streams": ("cior_streams_",),
    # One process owns an embedded store: who builds packages is in it too.
    "sink": ("cior_sink_", "cior_console_", "cior_evidence_"),
    "vision": ("cior_vision_",),
    "recorder": ("cior_recorder_",),
}


def address(centre: RunningCentre, part: str) -> str:
    """Where a part said that its numbers are: its ready file, or the health file of a stream worker."""
    if part not in STREAMS:
        return str(facts(centre.stack.ready_file(part)).get("metrics", ""))
    health = read_health(
        stream_settings(centre.stack.centre, centre.stack.bus, part.removeprefix("streams-"))
    )
    return "" if health is None else health.metrics_url


def scrape(centre: RunningCentre, part: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    with urlopen(address(centre, part), timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def seen_by(centre: RunningCentre, part: str, histogram: str, **labels: str) -> None:
    """Wait until the histogram has counted something."""

    def counted() -> bool:
        return any(
            value > 0 and name == f"{histogram}_count" and labels.items() <= set(having)
            for (name, having), value in scrape(centre, part).items()
        )

    until(counted, within_s=30, what=f"{histogram} of {part}")


async def press(centre: RunningCentre) -> None:
    """One panel's panic button and a bus where it is, both acknowledged: what panels send is kept in boxes."""
    panels, traccar, bus = centre.panels(), centre.traccar(), centre.roster.actors["bus-001"]
    sent = await panels.alarm(centre.roster.kind("panel")[0], "120")
    seen = await traccar.position(bus, bus.lat, bus.lon)
    await panels.close()
    await traccar.close()
    assert sent.acked_ms is not None
    assert seen.acked_ms is not None


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCentre]:
    with RunningCentre(tmp_path_factory.mktemp("measured"), with_camera=True) as running:
        yield running


@pytest.mark.timeout(240)
def test_a_press_over_its_wire_is_in_every_histogram_of_its_way(centre: RunningCentre) -> None:
    asyncio.run(press(centre))
    seen_by(centre, "connectors-dc09", "cior_connectors_receipt_to_answer_seconds", outcome="accepted")
    seen_by(centre, "connectors-dc09", "cior_bus_publish_seconds", path="direct")
    seen_by(centre, "streams-urgent", "cior_streams_receipt_to_decision_seconds", life_safety="true")
    seen_by(centre, "sink-console", "cior_console_receipt_to_feed_seconds")
    for kind in ("alert", "event", "raw", "sealed"):
        seen_by(centre, "sink-console", "cior_sink_receipt_to_row_seconds", kind=kind)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", sorted(SHOWN))
def test_each_process_serves_its_own_numbers_on_the_loopback(centre: RunningCentre, part: str) -> None:
    until(lambda: address(centre, part) != "", within_s=30, what=f"address of {part}")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", address(centre, part))
    until(
        lambda: any(name.startswith(SHOWN[part]) for name, _ in scrape(centre, part)),
        within_s=60,
        what=f"{SHOWN[part]} of {part}",
    )
    rooms = ("cior_bus_", *OWN[part.split("-", maxsplit=1)[0]])
    assert not [name for name, _ in scrape(centre, part) if not name.startswith(rooms)]


def test_no_two_processes_share_an_address_and_the_broker_has_none(centre: RunningCentre) -> None:
    urls = [address(centre, part) for part in SHOWN]
    assert len(set(urls)) == len(SHOWN)
    assert "metrics" not in facts(centre.stack.ready_file("broker"))


def test_what_is_served_is_what_the_page_lists(centre: RunningCentre) -> None:
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(cior_\w+)`", page))
    served = {re.sub(r"_(bucket|count|sum)$", "", name) for part in SHOWN for name, _ in scrape(centre, part)}
    assert served <= listed
    assert len(served) > 15
