"""``[copies]`` of a centre file: ``cior run recorder`` with a camera, a broker and a bucket; ``cior config check``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cior.cli import main
from cior_bus.admin import Topics
from cior_bus.embedded.tansu import Tansu
from cior_bus.settings import BusSettings
from cior_recorder.holds import Hold, Holds
from cior_register.register import Register
from cior_vision.synthetic import encode, loiterer
from engines.rtsp import RtspServer
from engines.versitygw import KEY_ID, SECRET, VersityGw

_CENTRE = """registry = "registry.toml"
cameras = "cameras.toml"

[centre]
name = "Prueba"

[[recorder]]
file = "recorder.toml"

[copies]
endpoint = "{endpoint}"
bucket = "{bucket}"
key_id = "{key_id}"
secret_file = "secret"
prefix = "prueba/"
every_s = 1.0
"""
_CAMERAS = """[[camera]]
id = "plaza"
name = "Plaza"
place = {{ lat = -32.95, lon = -60.64 }}
azimuth_deg = 45.0
field_of_view_deg = 90.0
range_m = 120.0
height_m = 6.0
stream = "{url}"
"""
_RECORDER = """[recorder]
name = "centro"
segment_s = 1.0
reserve_mib = 2
stop_mib = 1

[[camera]]
id = "plaza"
"""
DAYS_MS = 86_400_000


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[RtspServer]:
    folder = tmp_path / "clips"
    folder.mkdir()
    encode(loiterer(arrives_s=1.0, stays_s=4.0), folder / "plaza.mp4")
    with RtspServer(folder, tmp_path / "rtsp.log") as server:
        yield server


def centre_of(
    folder: Path, gateway: VersityGw, bucket: str, *, stream: str = "rtsp://127.0.0.1:1/plaza"
) -> Path:
    (folder / "registry.toml").write_text("")
    (folder / "cameras.toml").write_text(_CAMERAS.format(url=stream))
    (folder / "recorder.toml").write_text(_RECORDER)
    (folder / "secret").write_text(f"{SECRET}\n")
    centre = folder / "centre.toml"
    centre.write_text(_CENTRE.format(endpoint=gateway.endpoint, bucket=bucket, key_id=KEY_ID))
    return centre


def started(centre: Path, broker: Tansu) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "cior", "run", "recorder", str(centre.with_name("recorder.toml")),
            "--config", str(centre), "--data", str(centre.with_name("data")),
            "--bus", f"kafka://{broker.bootstrap}?profile=tansu", "--store", "clickhouse://none",
            "--ready", str(centre.with_name("recorder.ready")),
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip


def until(told: Callable[[], bool], *, limit_s: float = 90.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not told():
        assert time.monotonic() < deadline_s, "never"
        time.sleep(0.1)


def test_a_recorder_of_a_centre_copies_what_a_hold_keeps_while_it_records_and_ends_when_told(
    tmp_path: Path, tansu: Tansu, versitygw: VersityGw, camera: RtspServer
) -> None:
    bucket, data = versitygw.fresh(), tmp_path / "data"
    centre = centre_of(tmp_path, versitygw, bucket, stream=camera.url("plaza.mp4"))
    Topics(BusSettings.from_dsn(f"kafka://{tansu.bootstrap}?profile=tansu")).ensure()
    (data / "register").mkdir(parents=True)
    Register.open(f"sqlite:///{data / 'register' / 'register.db'}").close()
    ring, now_ms = data / "footage" / "centro", time.time_ns() // 1_000_000
    hold = Hold(
        id="press", camera="plaza", from_ms=now_ms, to_ms=now_ms + 600_000, placed_ms=now_ms, reason="alert 1",
        until_ms=now_ms + 30 * DAYS_MS,
    )  # fmt: skip
    Holds(ring).place(hold, ())

    def copied() -> int:
        found = versitygw.client().list_objects(bucket, prefix="prueba/footage/centro/plaza/", recursive=True)
        return sum(str(each.object_name).endswith(".mp4") for each in found)

    with started(centre, tansu) as part:
        try:
            until(lambda: copied() >= 3 or part.poll() is not None)
            assert part.poll() is None, part.stderr and part.stderr.read()
        finally:
            part.send_signal(signal.SIGTERM)
        assert part.wait(60) == 0


@pytest.mark.parametrize(("is_locked", "named"), [(False, "copies.no_lock"), (None, "copies.no_bucket")])
def test_a_bucket_that_would_not_keep_stops_the_start_with_its_reason_and_a_cure(
    tmp_path: Path, tansu: Tansu, versitygw: VersityGw, is_locked: bool | None, named: str
) -> None:
    name = f"{versitygw.fresh()}-x"
    if is_locked is not None:
        versitygw.bucket(name, is_locked=is_locked)
    centre = centre_of(tmp_path, versitygw, name)
    Topics(BusSettings.from_dsn(f"kafka://{tansu.bootstrap}?profile=tansu")).ensure()
    with started(centre, tansu) as part:
        assert part.wait(60) == 2
        assert part.stderr is not None
        (line,) = [each for each in part.stderr.read().splitlines() if each.startswith(named)]
    assert " — " in line, "no cure"
    checked = CliRunner().invoke(main, ["config", "check", str(centre)])
    assert checked.exit_code == 1, checked.output
    assert f"FAIL  bucket {name}: {named}" in checked.output


def test_the_check_of_a_centre_asks_its_bucket_and_says_when_it_refuses_the_key(
    tmp_path: Path, versitygw: VersityGw
) -> None:
    centre = centre_of(tmp_path, versitygw, versitygw.fresh())
    checked = CliRunner().invoke(main, ["config", "check", str(centre)])
    assert (checked.exit_code, "it has object lock" in checked.output) == (0, True), checked.output
    centre.with_name("secret").write_text("another")
    checked = CliRunner().invoke(main, ["config", "check", str(centre)])
    assert (checked.exit_code, "copies.credentials" in checked.output) == (1, True), checked.output
    centre.with_name("secret").unlink()
    checked = CliRunner().invoke(main, ["config", "lint", str(centre)])
    assert (checked.exit_code, "copies.secret_file" in checked.output) == (2, True), checked.output


def test_a_bucket_elsewhere_is_asked_over_tls_only(tmp_path: Path, versitygw: VersityGw) -> None:
    centre = centre_of(tmp_path, versitygw, "held")
    centre.write_text(centre.read_text().replace(versitygw.endpoint, "http://s3.ciudad.example"))
    checked = CliRunner().invoke(main, ["config", "lint", str(centre)])
    assert (checked.exit_code, "config.copies_plain" in checked.output) == (2, True), checked.output
