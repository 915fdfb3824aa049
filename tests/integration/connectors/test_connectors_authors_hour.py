"""The author's hour: a stranger with an empty folder and the wheel follows the words of the README, and each works."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec
import pytest

from e2e.running_centre import until
from integration.connectors.authors_machine import AuthorsMachine, blocks, said

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("authors_hour")]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorsMachine]:
    made = AuthorsMachine(tmp_path_factory.mktemp("author"))
    yield made
    made.close_terminals()


def follow(machine: AuthorsMachine, folder: Path) -> str:
    """Every command of the README but those that need a centre; what they said."""
    told = [
        machine.sh(block.text, folder=folder)
        for block in blocks(folder / "README.md")
        if not block.lasting and "message=" not in block.text
    ]
    return "".join(done.stdout + done.stderr for done in told)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "shape"),
    [("listener", ""), ("poller", "--one-file"), ("file", "--one-file"), ("subscriber", "")],
)
def test_a_new_connector_passes_its_tests_by_the_words_of_its_readme(
    machine: AuthorsMachine, kind: str, shape: str
) -> None:
    name = f"sirenas_{kind}"
    machine.sh(f"cior connector new {name} --kind {kind} {shape}")
    folder = machine.home / name
    told = follow(machine, folder)
    assert re.search(r"= 5\d passed", told), told[-3000:]
    assert re.search(rf"^{name} +0\.1\.0 ", told, re.MULTILINE), "the centre does not find it"
    assert f"ok       {name}: ran against " in told
    assert "NOT RUN" not in told
    assert "failed" not in told
    code = [path for path in folder.rglob("*.py") if not path.name.startswith("test_")]
    assert len(code) == (1 if shape else 4)


@pytest.mark.timeout(600)
def test_its_press_is_an_alert_on_the_wall(machine: AuthorsMachine, tmp_path: Path) -> None:
    """A broker, a centre and a press by hand, as the README says, on free ports."""
    name = "totems"
    machine.sh(f"cior connector new {name} --kind subscriber --one-file")
    folder = machine.home / name
    port = free_port()
    for path in (folder / "README.md", folder / "centre" / "broker.yaml", folder / "centre" / f"{name}.toml"):
        path.write_text(path.read_text().replace("1883", str(port)))
    install, *_ = blocks(folder / "README.md")
    machine.sh(install.text.splitlines()[0], folder=folder)
    broker, centre = (block for block in blocks(folder / "README.md") if block.lasting)
    (press,) = (block for block in blocks(folder / "README.md") if "message=" in block.text)
    machine.leave_running(broker.text, folder=folder, log=tmp_path / "broker.log")
    until(lambda: listening(port), within_s=60, what="the broker listens")
    checked = machine.sh(f"cior connector check --test-mode centre/{name}.toml", folder=folder)
    assert f"ok       centre/{name}.toml: the broker takes us" in checked.stdout
    machine.leave_running(centre.text, folder=folder, log=tmp_path / "centre.log")
    try:
        wall = said(tmp_path / "centre.log", r"wall: (\S+)", within_s=240)
        until(lambda: subscribed(folder, name), within_s=60, what="the connector subscribed")
        machine.sh(press.text, folder=folder)
        until(on(wall, "Alarma comunitaria"), within_s=60, what="the press is an alert on the wall")
    finally:
        machine.close_terminals()


def on(wall: str, words: str) -> Callable[[], bool]:
    """Whether an alert of the wall is called so."""
    address, token = wall.split("/?token=")

    def look() -> bool:
        asked = Request(f"{address}/api/wall", headers={"Authorization": f"Bearer {token}"})
        with urlopen(asked, timeout=10) as answer:
            return [alert["name_es"] for alert in msgspec.json.decode(answer.read())["alerts"]] == [words]

    return look


def subscribed(folder: Path, name: str) -> bool:
    log = folder / "centre" / "data" / "log"
    return any("connector_state_changed" in path.read_text() for path in log.glob(f"connectors-{name}*"))


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
