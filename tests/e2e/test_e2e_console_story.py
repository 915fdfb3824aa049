"""A night at a real centre, in real browsers: what ``make demo DEMO_ARGS=--keep`` gives a newcomer, and what an
operator, a dispatcher, a supervisor, a wall and an auditor do with it.

One centre and five browsers for the whole file; each test presses a button of its own on the wire and stands alone. The
pictures of docs/img are taken on the way when ``CIOR_SHOTS`` names a folder (``make pictures``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from selenium.webdriver.common.keys import Keys

from cior_console.table import all_endpoints
from cior_core.geo import City
from cior_core.privacy import Role
from cior_demo.roster import SILENT_ACCOUNT
from e2e.persons_browser import WALL, PersonsBrowser
from e2e.running_demo import RunningDemo
from engines.browser import open_browser
from integration.console.page_build import build_page

pytestmark = [pytest.mark.frozen, pytest.mark.tansu, pytest.mark.slow, pytest.mark.timeout(600)]

OPERATOR, SUPERVISOR = "Operadora de guardia", "Supervisión de sala"
WALL_NAME = "Sala, pared norte"
Open = Callable[..., PersonsBrowser]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Played at twice its pace: what people do here comes after it."""
    build_page().ensure()
    with RunningDemo(tmp_path_factory.mktemp("home"), "--speed", "2") as running:
        yield running


@pytest.fixture(scope="module")
def open_page(
    demo: RunningDemo, chromium: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Open]:
    with ExitStack() as stack:

        def opened(*flags: str, **more: Any) -> PersonsBrowser:
            chrome = open_browser(*chromium, tmp_path_factory.mktemp("profile"), *flags)
            stack.callback(chrome.quit)
            return PersonsBrowser(chrome, demo.console, **more)

        yield opened


@pytest.fixture(scope="module")
def operator(demo: RunningDemo, open_page: Open) -> PersonsBrowser:
    page = open_page()
    page.go()
    page.until("main.sign-in", "Contraseña")
    page.picture("consola-ingreso")
    page.sign_in(demo.account("operator"))
    return page


@pytest.fixture(scope="module")
def dispatcher(demo: RunningDemo, open_page: Open) -> PersonsBrowser:
    page = open_page()
    page.sign_in(demo.account("dispatcher"))
    return page


@pytest.fixture(scope="module")
def supervisor(demo: RunningDemo, open_page: Open) -> PersonsBrowser:
    page = open_page()
    page.sign_in(demo.account("supervisor"))
    return page


@pytest.fixture(scope="module")
def auditor(demo: RunningDemo, open_page: Open) -> PersonsBrowser:
    page = open_page()
    page.sign_in(demo.account("auditor"), live=False)
    return page


@pytest.fixture(scope="module")
def wall(supervisor: PersonsBrowser, open_page: Open) -> PersonsBrowser:
    """A display of the room: the supervisor asks for its code, and it is typed there."""
    supervisor.go("sessions")
    supervisor.until(".displays", "Pedir código")
    supervisor.write(".displays input[name=name]", WALL_NAME + Keys.ENTER)
    supervisor.until(".displays", "Escríbalo en la pantalla")
    supervisor.picture("consola-pantallas")
    code = supervisor.text(".displays .secret")
    page = open_page("--autoplay-policy=no-user-gesture-required", size=WALL)
    page.show_code(code)
    return page


@pytest.fixture(scope="module")
def quiet(demo: RunningDemo, operator: PersonsBrowser) -> RunningDemo:
    """The night has played: from here on nothing rings but what a test presses."""
    demo.wait_played()
    return demo


def ledger(auditor: PersonsBrowser, query: str) -> list[dict[str, Any]]:
    """The rows that the auditor is answered."""
    status, rows = auditor.ask("GET", f"/api/v1/ledger?limit=1000&{query}", reason="control de la noche")
    assert status == 200, rows
    return list(rows)


def test_the_demo_says_where_to_go_as_whom_and_what_next(demo: RunningDemo, quiet: RunningDemo) -> None:
    assert demo.console.startswith("http://localhost:"), "an address by which a browser makes a passkey"
    for role in ("operator", "dispatcher", "supervisor", "auditor"):
        assert demo.said.count(demo.account(role).password) == 1, "a secret is told once"
    last = demo.said[demo.said.index("left running") :]
    for words in (demo.console, demo.account("operator").login, "N", "docs/operador.md"):
        assert words in last


def test_an_operator_sees_the_citys_own_alerts_by_level_in_words_and_shape(
    operator: PersonsBrowser, quiet: RunningDemo
) -> None:
    shown = operator.until(".queue", "P1", "Alarma silenciosa")
    assert "■ P1" in shown, "by shape and word, not by colour alone"
    assert OPERATOR in operator.text("header")
    operator.keys(Keys.ARROW_DOWN)
    operator.until("section.alert", "Por qué este nivel")
    operator.picture("consola")
    operator.keys("?")
    operator.until("dialog", "Mapa de teclas", "ir a la más nueva sin tomar")
    operator.picture("consola-teclas")
    operator.keys(Keys.ESCAPE)


def test_law_17_a_sealed_alert_is_a_district_to_the_room_and_nothing_more(
    operator: PersonsBrowser, quiet: RunningDemo
) -> None:
    actor = quiet.roster.actors["panel-silent"]
    city = City.demo()
    district = next(each.name for each in city.districts if each.id == city.district(actor.lat, actor.lon))
    operator.until(".queue", "Alarma silenciosa")
    operator.click(".entry", "Alarma silenciosa")
    shown = operator.until("section.alert", "Reservado", district)
    assert "Tomar" not in operator.text("section.alert .acts"), "the team takes it, not the room"
    operator.picture("consola-reservada")
    _, page = operator.ask("GET", f"/api/v1/alerts/{operator.alert_id}")
    assert (page["place"], page["members"], page["terms"]) == (None, [], [])
    told = (shown, operator.chrome.page_source, str(page))
    assert not [each for each in told if SILENT_ACCOUNT in each or actor.subject in each]


def test_two_keys_take_a_press_and_each_step_stands_on_every_other_screen(
    operator: PersonsBrowser, dispatcher: PersonsBrowser, wall: PersonsBrowser, quiet: RunningDemo
) -> None:
    operator.desk()
    bus = quiet.press(0)
    operator.until(".newsbar", "NUEVA", "■ P1")
    operator.picture("consola-nueva")
    operator.keys("n", "a")
    operator.until("section.alert", bus.subject)
    operator.until("section.alert .status", "tomada")
    alert_id = operator.alert_id
    row = f"[id='row-{alert_id}']"
    dispatcher.go(f"alerts/{alert_id}")
    dispatcher.until("section.alert .head", "tomada", OPERATOR)
    operator.picture("consola-alerta")

    dispatcher.keys("d")
    dispatcher.until("dialog", "Policía provincial")
    dispatcher.keys(Keys.SPACE)
    dispatcher.write("dialog input[name=unit]", "Móvil 7")
    dispatcher.submit()
    operator.until("section.alert .status", "despachada")
    operator.until(".dispatches", "Policía provincial", "Móvil 7")
    operator.keys("d")
    operator.until("dialog", "Guardia municipal")
    operator.picture("consola-despacho")
    operator.pick("Guardia municipal")
    operator.submit()
    for page in (operator, dispatcher):
        page.until(".dispatches", "Policía provincial", "Guardia municipal", "municipal", "provincial")
    wall.until(row, "despachada")

    operator.keys("l")
    operator.until("dialog", "Policía provincial")
    operator.keys(Keys.SPACE)
    operator.submit()
    for page in (operator, dispatcher):
        page.until("section.alert .status", "en el lugar")
    operator.picture("consola-en-el-lugar")

    dispatcher.keys("c")
    dispatcher.until(".notes", "su tarea no lo permite")
    operator.keys("c")
    operator.until("dialog", "Confirmada")
    operator.keys(Keys.SPACE)
    operator.write("dialog textarea", "Chofer ileso; la policía tomó el relato")
    operator.picture("consola-cierre")
    operator.submit()
    operator.until(".notes", "Cerrar: recibido por el centro")
    dispatcher.until("section.alert .head", "cerrada", "confirmada")
    for page in (operator, dispatcher, wall):
        page.until_not(row, "P1")
    assert operator.complaints() == []


def test_of_two_who_act_the_later_is_told_who_was_first(
    operator: PersonsBrowser, dispatcher: PersonsBrowser, quiet: RunningDemo
) -> None:
    for page in (operator, dispatcher):
        page.desk()
    bus = quiet.press(1)
    dispatcher.until(".newsbar", "NUEVA")
    alert_id = dispatcher.to_the_press(bus.subject)
    dispatcher.offline(is_off=True)
    try:
        dispatcher.keys("a")
        dispatcher.until("header", "1 por enviar")
        operator.until(".newsbar", "NUEVA")
        assert operator.to_the_press(bus.subject) == alert_id
        operator.keys("a")
        operator.until(".notes", "Tomar: recibido por el centro")
    finally:
        dispatcher.offline(is_off=False)
    dispatcher.until(".notes", f"Tomar: {OPERATOR} lo hizo antes. La alerta está tomada.")
    dispatcher.picture("consola-otro-antes")
    dispatcher.until("section.alert .head", OPERATOR)


def test_the_supervisor_sees_load_and_hands_over_what_is_open_and_why(
    operator: PersonsBrowser, supervisor: PersonsBrowser, quiet: RunningDemo
) -> None:
    supervisor.desk()
    bus = quiet.press(2)
    supervisor.until(".newsbar", "NUEVA")
    alert_id = supervisor.to_the_press(bus.subject)
    supervisor.keys("a")
    supervisor.until(".notes", "Tomar: recibido por el centro")
    supervisor.click("nav button", "Carga")
    supervisor.until("table.grid", SUPERVISOR)
    supervisor.until("main", "abiertas en 10 min")
    supervisor.picture("consola-carga")

    supervisor.click("nav button", "Turno")
    supervisor.until("main", "Tomar un puesto")
    supervisor.write("input[name=post]", "Supervisión, noche" + Keys.ENTER)
    supervisor.until("main", "Entregar el turno · Supervisión, noche")
    supervisor.choose("select[name=assignee]", OPERATOR)
    supervisor.write("textarea[name=reason]", "Un colectivo: falta que la empresa confirme el interno")
    supervisor.picture("consola-turno")
    supervisor.click("form.hand-over button[type=submit]")
    shown = supervisor.until("main", f"de {SUPERVISOR} a {OPERATOR}", "Un colectivo: falta que la empresa")
    assert "No existe esa dirección" not in shown
    _, told = supervisor.ask("GET", "/api/v1/shift")
    left = {each["alert_id"]: each["why"] for each in told["hand_overs"][0]["open_alerts"]}
    assert left[alert_id], "with the reason that it stands for"
    operator.go(f"alerts/{alert_id}")
    operator.until("section.alert .head", OPERATOR)


def test_law_9_a_wall_looks_and_every_act_is_refused_to_it(wall: PersonsBrowser, quiet: RunningDemo) -> None:
    quiet.press(3)
    wall.until("#above", "P1")
    wall.picture("muro-consola")
    assert (wall.count("nav"), wall.count(".acts"), wall.count("section.alert")) == (0, 0, 0)
    wall.click("#above .entry")
    for key in ("a", "d", "c", "b", "p"):
        wall.keys(key)
        wall.until(".notes", "Esta pantalla solo mira")
    assert wall.count("dialog") == 0
    values = {"alert_id": "a1", "id": "x", "name": "wall.css", "question": "latency"}
    closed = [each for each in all_endpoints() if not each.is_open and Role.WALL not in each.roles]
    assert {"alert.act", "incident.open", "posture.set", "shift.hand_over", "ledger.read"} <= {
        each.name for each in closed
    }
    came_as = {
        "Cookie": "; ".join(f"{each['name']}={each['value']}" for each in wall.chrome.get_cookies()),
        "User-Agent": str(wall.chrome.execute_script("return navigator.userAgent")),
    }
    for each in closed:
        path = each.path.format_map({name: values.get(name, "x") for name in each.parameters})
        status, told = wall.ask(each.method, path, {} if each.body is not None else None)
        assert (status, told["code"]) == (403, "access.role"), each.name
        assert status_of(wall.address, each.method, path, came_as) == 403, each.name


def status_of(address: str, method: str, path: str, came_as: dict[str, str]) -> int:
    """What a program is answered that comes with a wall's cookie, and says that it is its browser."""
    origin = address.removesuffix("/console/")
    headers = came_as | {"Origin": origin, "Content-Type": "application/json"}
    try:
        body = None if method == "GET" else b"{}"
        with urlopen(Request(origin + path, body, headers, method=method), timeout=20) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def test_law_13_the_auditor_reads_who_did_what_and_who_looked(
    operator: PersonsBrowser, wall: PersonsBrowser, auditor: PersonsBrowser, quiet: RunningDemo
) -> None:
    operator.desk()
    bus = quiet.press(4)
    operator.until(".newsbar", "NUEVA")
    alert_id = operator.to_the_press(bus.subject)
    operator.keys("a")
    operator.until(".notes", "Tomar: recibido por el centro")
    wall.ask("POST", f"/api/v1/alerts/{alert_id}/acts", {"kind": "close"})
    auditor.go("ledger")
    auditor.write("input[name=why]", "Control de la noche")
    auditor.write("input[name=subject]", alert_id + Keys.ENTER)
    auditor.until("table.grid", "alert.acknowledge", "alert.read", OPERATOR, "rechazado", WALL_NAME)
    auditor.picture("consola-libro")
    rows = ledger(auditor, f"subject={alert_id}")
    person = next(each["actor"] for each in rows if each["act"] == "alert.acknowledge")
    assert {each["act"] for each in rows if each["actor"] == person} == {"alert.acknowledge", "alert.read"}
    assert {each["rule"] for each in rows if each["role"] == "wall"} == {"deny.role"}
    reads = ledger(auditor, "act=ledger.")
    assert reads[0]["reason"] == "control de la noche", "who looks into the ledger stands in it"


def test_a_console_that_hangs_and_dies_is_said_the_queue_stays_and_the_act_is_done_once(
    operator: PersonsBrowser, wall: PersonsBrowser, auditor: PersonsBrowser, quiet: RunningDemo
) -> None:
    """It hangs first: one that is killed at once may be back before three seconds of silence are over."""
    operator.desk()
    bus = quiet.press(5)
    operator.until(".newsbar", "NUEVA")
    alert_id = operator.to_the_press(bus.subject)
    dead = quiet.wait_console()
    quiet.hang_console()
    operator.until("body", "SIN CONEXIÓN CON EL CENTRO")
    assert "P1" in operator.text("#above"), "what was known stays, with its age"
    operator.keys("a")
    operator.until("header", "1 por enviar")
    operator.until("section.alert .head", "tomada", "enviando")
    operator.picture("consola-sin-conexion")
    quiet.kill_console()
    quiet.wait_console(not_pid=dead)
    operator.until("header", "En vivo")
    operator.until_not("header", "por enviar")
    operator.until_not("body", "SIN CONEXIÓN")
    operator.until("section.alert .head", "tomada", OPERATOR)
    operator.chrome.refresh()
    operator.until("section.alert .head", "tomada", OPERATOR)
    wall.until("header", "En vivo")
    rows = [each for each in ledger(auditor, f"subject={alert_id}") if each["act"] == "alert.acknowledge"]
    assert [each["outcome"] for each in rows] == ["allowed"], "sent until it was answered, done once"


def test_law_17_when_it_ends_no_sealed_identity_is_left_in_any_table_or_log(quiet: RunningDemo) -> None:
    """Last: it stops the centre, as Ctrl-C does."""
    said = quiet.stop()
    assert "sealed identities in tables and logs: none" in said, said[-2000:]
    assert "  verify.py: sale con 0 / exits with 0\n" in said, "the package of the night is believed"
    assert re.search(r"one bit changed in (\S+): .*\(.*file\.changed \1", said), "and a touched one is not"
