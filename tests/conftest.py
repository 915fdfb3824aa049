"""What every test may ask for: engines, shared data, a machine's limits, and no sockets in unit tests.

A missing engine skips with its reason; with CI=true it fails, since .ci/run installs what the engines need.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from hypothesis import settings
from selenium.webdriver import Chrome

from cior_bus.embedded.tansu import Tansu
from engines.apache_kafka import ApacheKafka
from engines.browser import open_browser
from engines.cache import EngineAbsent
from engines.clickhouse_lite import ClickHouseLite
from engines.long_runs import EXAMPLES_FACTOR, LONG
from engines.long_runs import TIMEOUT_S as LONG_TIMEOUT_S
from engines.mosquitto import Mosquitto
from engines.postgresql import PostgreSql
from engines.registers import RegisterPlace
from engines.softhsm import SoftHsm
from engines.verapdf import VeraPdf
from engines.versitygw import VersityGw

# Property tests judge what is true, not how fast a shared machine is: speed has its own measurements.
settings.register_profile("cior", deadline=None)
settings.load_profile("cior")

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "tests" / "unit"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
# Tests that ask for one of these go to one worker, so that a parallel run starts each heavy engine once.
_SHARED_ENGINES = {"apache_kafka": "apache-kafka", "clickhouse_lite": "clickhouse", "lite": "clickhouse"}
_ENGINE_MARKS = {
    "apache_kafka": "kafka",
    "tansu": "tansu",
    "tansu_session": "tansu",
    "clickhouse_lite": "clickhouse_lite",
    "chromium": "browser",
    "mosquitto": "mosquitto",
    "postgresql": "postgresql",
    "softhsm": "softhsm",
    "verapdf": "verapdf",
    "versitygw": "versitygw",
    "test_data": "model",
}


def absent(reason: str, *, may_skip_in_ci: bool = False) -> NoReturn:
    """Skip with the reason; fail in CI, where nothing may be missing unseen."""
    if IN_CI and not may_skip_in_ci:
        pytest.fail(f"CI must have it: {reason}", pytrace=False)
    pytest.skip(reason)


# Marks that are a phase of `make test` of their own.
_LATER_PHASES = ("frozen", "alone")
# Groups of the frozen phase that share a worker, four in all, each about as long as the others (225, 241, 194 and 225 s
# on 28 November): xdist hands out by number of tests, and here one test takes a minute.
_FROZEN_TOGETHER = {
    "test_e2e_broker_crash": "test_e2e_faults",
    "clickhouse": "apache-kafka",
    "test_streams_urgent": "test_e2e_backup",
    "test_sink_rebalance": "test_e2e_console_story",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--phase``: one third of ``make test``; without it, all tests in one go."""
    parser.addoption(
        "--phase",
        choices=("parallel", *_LATER_PHASES),
        help="parallel: what may run beside others (with -n); frozen, alone: what carries that mark",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A later phase reads only the files that say its mark: importing all takes longer than some of its tests."""
    phase = config.getoption("phase")
    if phase not in _LATER_PHASES or not (
        collection_path.name.startswith("test_") and collection_path.is_file()
    ):
        return None
    return None if _says(collection_path, phase) else True


def _says(path: Path, phase: str) -> bool:
    return f"pytest.mark.{phase}" in path.read_text(encoding="utf-8")


# First: xdist reads the groups in this same hook, and of two plugins the later one is asked first.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by what they ask for, so that ``-m "not kafka"`` cannot miss one; choose the phase; lengthen a long
    run.
    """
    for item in items:
        for name in _asked(item) & _ENGINE_MARKS.keys():
            item.add_marker(_ENGINE_MARKS[name])
        if item.path.is_relative_to(UNIT):
            item.add_marker("unit")
        _lengthen(item)
        if group := _group(item):
            is_frozen = _phase(item) == "frozen"
            item.add_marker(
                pytest.mark.xdist_group(_FROZEN_TOGETHER.get(group, group) if is_frozen else group)
            )
    if phase := config.getoption("phase"):
        kept: list[pytest.Item] = []
        left: list[pytest.Item] = []
        for item in items:
            (kept if _phase(item) == phase else left).append(item)
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def _phase(item: pytest.Item) -> str:
    """A mark that its file does not say counts for nothing: no phase would run the test."""
    mine = (name for name in _LATER_PHASES if item.get_closest_marker(name) and _says(item.path, name))
    return next(mine, "parallel")


def _asked(item: pytest.Item) -> set[str]:
    """The fixtures of a test, those behind a parameter that names one included."""
    parameters = getattr(item, "callspec", None)
    named = {value for value in parameters.params.values() if isinstance(value, str)} if parameters else set()
    return {*getattr(item, "fixturenames", ()), *named}


def _lengthen(item: pytest.Item) -> None:
    """Every property has a long form; under ``make long`` whatever has one tries more, for longer. A property that
    carries the mark itself has said how often.
    """
    function: Any = getattr(item, "obj", None)
    is_property = getattr(function, "is_hypothesis_test", False) and item.get_closest_marker("long") is None
    if is_property:
        item.add_marker("long")
    if LONG and item.get_closest_marker("long"):
        item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S), append=False)
    if LONG and is_property:
        short = function._hypothesis_internal_use_settings
        function._hypothesis_internal_use_settings = settings(
            short, max_examples=short.max_examples * EXAMPLES_FACTOR
        )


def _group(item: pytest.Item) -> str | None:
    """The worker that a test shares, for ``--dist loadgroup``: with all that ask for the same heavy engine, else with
    its own file, whose stories are told once. Two rooms ask ClickHouse for minutes each: a server each. The house's
    unit tests go to one worker, which parses every source once.
    """
    if item.path.is_relative_to(UNIT / "house"):
        return "house"
    if not any(item.path.is_relative_to(ROOT / "tests" / room) for room in ("integration", "e2e")):
        return None
    engine = next((_SHARED_ENGINES[name] for name in sorted(_asked(item) & _SHARED_ENGINES.keys())), None)
    if engine is None:
        return item.path.stem
    is_grafana = item.path.is_relative_to(ROOT / "tests" / "integration" / "grafana")
    return f"{engine}-grafana" if is_grafana else engine


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.path.is_relative_to(UNIT):
        return

    def refuse(self: socket.socket, *_arguments: Any) -> NoReturn:
        raise AssertionError("a unit test opened a network connection: it belongs under tests/integration")

    for verb in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, verb, refuse)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command run in this process sets up its own log, bound to a stream that ends with it; the next test starts
    anew. What a thread says meanwhile goes to the process's own stderr, never into what a command printed.
    """
    structlog.reset_defaults()
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.__stderr__))
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _umask_as_it_was() -> Iterator[None]:
    """A command run in this process keeps what it writes for its owner alone; the next test's files are as always."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def tansu_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tansu]:
    """One embedded broker for the whole run: use topic and group names of your own, never kill it."""
    with Tansu() as broker:
        yield broker


@pytest.fixture
def tansu() -> Iterator[Tansu]:
    """An embedded broker of your own (0.05 s): kill and restart it as you like."""
    with Tansu() as broker:
        yield broker


@pytest.fixture(scope="session")
def _apache_kafka_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    try:
        broker = ApacheKafka(tmp_path_factory.mktemp("kafka"))
    except EngineAbsent as missing:
        absent(str(missing))
    with broker:
        yield broker


@pytest.fixture
def apache_kafka(_apache_kafka_process: ApacheKafka) -> ApacheKafka:
    """The run's one Apache Kafka, started again if a test left it down. Use topic and group names of your own."""
    return _apache_kafka_process.start()


@pytest.fixture(scope="session")
def _clickhouse_lite_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseLite]:
    try:
        server = ClickHouseLite(tmp_path_factory.mktemp("clickhouse"))
    except EngineAbsent as missing:
        absent(str(missing))
    with server:
        yield server


@pytest.fixture
def clickhouse_lite(_clickhouse_lite_process: ClickHouseLite) -> ClickHouseLite:
    """The run's one ClickHouse server with database ``cior`` empty: started again if a test left it down."""
    server = _clickhouse_lite_process.start()
    server.query("DROP DATABASE IF EXISTS cior SYNC")
    return server


@pytest.fixture(scope="session")
def chromium() -> tuple[Path, Path]:
    """Debian's browser and its driver."""
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(found):
        absent("chromium is not installed (Debian: apt-get install chromium chromium-driver)")
    return Path(str(found[0])), Path(str(found[1]))


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Debian's MQTT broker."""
    try:
        with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
            yield broker
    except EngineAbsent as missing:
        absent(str(missing))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    """Debian's PostgreSQL with a cluster of its own (0.8 s); ask :attr:`PostgreSql.fresh` for a database."""
    try:
        server = PostgreSql(tmp_path_factory.mktemp("postgresql"))
    except EngineAbsent as missing:
        absent(str(missing))
    with server:
        yield server


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """A security module with a token of your own (0.1 s); this process is configured for it."""
    try:
        module = SoftHsm(tmp_path / "softhsm")
    except EngineAbsent as missing:
        absent(str(missing))
    for name, value in module.environment.items():
        monkeypatch.setenv(name, value)
    yield module
    module.forget()


@pytest.fixture(scope="session")
def verapdf(tmp_path_factory: pytest.TempPathFactory) -> VeraPdf:
    """The reference validator of PDF/A and PDF/UA (3 s a document)."""
    try:
        return VeraPdf(tmp_path_factory.mktemp("verapdf"))
    except EngineAbsent as missing:
        absent(str(missing))


@pytest.fixture(scope="session")
def _versitygw_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VersityGw]:
    try:
        server = VersityGw(tmp_path_factory.mktemp("versitygw"))
    except EngineAbsent as missing:
        absent(str(missing), may_skip_in_ci=True)  # no Debian package has a Go that is new enough
    with server:
        yield server


@pytest.fixture
def versitygw(_versitygw_process: VersityGw) -> VersityGw:
    """The run's one server of S3 with object lock, started again if a test left it down; ask it for a bucket."""
    _versitygw_process.start()
    return _versitygw_process


@pytest.fixture(params=["sqlite", "postgresql"])
def register_place(request: pytest.FixtureRequest, tmp_path: Path) -> RegisterPlace:
    """Where a register of the test's own is: a new file, then a new database of a server, its schema made."""
    if request.param == "sqlite":
        return RegisterPlace.of_file(tmp_path / "register.db")
    server: PostgreSql = request.getfixturevalue("postgresql")
    return RegisterPlace.of_server(server.start())


@pytest.fixture
def browser(chromium: tuple[Path, Path], tmp_path: Path) -> Iterator[Chrome]:
    """A headless browser of your own, through selenium; it reaches loopback only."""
    driver = open_browser(*chromium, tmp_path / "chromium-profile")
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with model, clips and the 911 file: ``CIOR_TEST_DATA``, else ``../shared/data``.

    Its files are never copied into the repository.
    """
    folder = Path(os.environ.get("CIOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        absent(f"no test data at {folder.name!r}: set CIOR_TEST_DATA", may_skip_in_ci=True)
    return folder
