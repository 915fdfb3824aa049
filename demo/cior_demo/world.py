"""Writes the files of a simulated centre: centre file, registry, one file an instance, one for the camera.

Everything else is the ordinary product.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from cior_bus.embedded.tansu import free_port
from cior_demo.eyes import Model
from cior_demo.roster import CAMERA, CAMERA_SILENCE_S, Roster, registry_toml
from cior_demo.town import Town

ZONE = "America/Argentina/Cordoba"
RECORDER = "plaza"
SEAL = "justicia/sello.toml"
"""The file of the seal, which :class:`cior_demo.court.Court` writes beside its keys."""
"""What records the camera: its ring's folder has this name."""


DRAWN_SQUARE = "[[0.25, 0.5], [0.75, 0.5], [0.75, 1.0], [0.25, 1.0]]"
WHOLE_PICTURE = "[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]"


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Where the simulated city's wires end."""

    centre_file: Path
    dc09_port: int
    traccar_port: int
    cad_folder: Path
    rtsp_port: int
    rtsp_url: str


def write_world(
    folder: Path, *, roster: Roster, town: Town, model: Model | None, is_drawn: bool = True
) -> World:
    """Write all files below ``folder`` and choose free ports on loopback. ``is_drawn``: the camera shows the clip that
    we draw, whose square is known; of another the whole picture is its zone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cad = folder / "cad-inbox"
    cad.mkdir(exist_ok=True)
    rtsp = free_port()
    world = World(
        centre_file=folder / "centre.toml",
        dc09_port=free_port(),
        traccar_port=free_port(),
        cad_folder=cad,
        rtsp_port=rtsp,
        rtsp_url=f"rtsp://127.0.0.1:{rtsp}/{CAMERA}.mp4",
    )
    texts = {
        "centre.toml": centre_toml(town),
        "registry.toml": registry_toml(roster, town.city),
        "cameras.toml": cameras_toml(roster, world),
        "panels.toml": _PANELS.format(port=world.dc09_port),
        "vehicles.toml": _VEHICLES.format(port=world.traccar_port),
        "calls.toml": _CALLS.format(folder=json.dumps(str(cad)), zone=ZONE),
        "camera.toml": _camera(model, DRAWN_SQUARE if is_drawn else WHOLE_PICTURE),
        "recorder.toml": _RECORDER.format(id=CAMERA, name=RECORDER),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return world


def centre_toml(town: Town) -> str:
    """The centre file. Inhabitants and costs are invented round numbers, said to be so wherever a board prints them."""
    populations = (
        f"[[population]]\ndistrict = {json.dumps(district.id)}\npeople = {90_000 + 20_000 * number}\n"
        'year = 2026\nsource = "inventado para la demostración"'
        for number, district in enumerate(town.city.districts)
    )
    pack = "" if town.pack is None else f"city = {json.dumps(str(town.pack.resolve()))}\n"
    return _CENTRE.format(
        seal=SEAL,
        name=json.dumps(town.name, ensure_ascii=False),
        city=pack,
        populations="\n\n".join(populations),
    )


def cameras_toml(roster: Roster, world: World) -> str:
    """The camera catalogue: the one at the square, with its stream."""
    actor = roster.actors[CAMERA]
    return _CATALOGUE.format(
        id=CAMERA, lat=actor.lat, lon=actor.lon, silence_s=CAMERA_SILENCE_S, url=json.dumps(world.rtsp_url)
    )


def _camera(model: Model | None, zone: str) -> str:
    engine = 'engine = "none"'
    if model is not None:
        engine = f'engine = "openvino"\nmodel_dir = {json.dumps(str(model.folder))}\nmodel_sha256 = "{model.sha256}"'
    return _CAMERA.format(engine=engine, id=CAMERA, timezone=ZONE, zone=zone)


_CENTRE = """# A simulated centre. Written by `cior demo`; \
every file here is an ordinary one that a real centre would have too.
registry = "registry.toml"
cameras = "cameras.toml"

[centre]
name = {name}
{city}accounting_every_s = 5.0
test_mode = true

# Every figure below is invented, as the city is.
[figures]
officer_hour_cost = 9500.0
currency = "ARS"
cost_source = "inventado para la demostración"
operators = 3

{populations}

[[connector]]
file = "panels.toml"

[[connector]]
file = "vehicles.toml"

[[connector]]
file = "calls.toml"

[[vision]]
file = "camera.toml"

[[recorder]]
file = "recorder.toml"

# What custodians order of judicial requests is built and sealed here; the seal's authority is the demonstration's own.
[evidence]
seal = "{seal}"
"""

_PANELS = """kind = "dc09"
name = "panels"

[config]
port = {port}
default_key = "env:CIOR_DC09_KEY"
"""

_VEHICLES = """kind = "traccar"
name = "vehicles"

[config]
port = {port}
shared_secret = "env:CIOR_TRACCAR_SECRET"
"""

_CALLS = """kind = "cad_drop"
name = "calls"

[config]
folder = {folder}
pattern = "*.csv"
ready = "rename"
poll_s = 0.25
format = "csv"
encoding = "cp1252"
zone = "{zone}"
datetime_formats = ["%d/%m/%Y %H:%M:%S"]
decimal_comma = true
default_type = "call.other"

[config.csv]
delimiter = ";"

[config.columns]
id = ["numero"]
occurred = "creado"
modified = "modificado"
type = "tipo"
lat = "lat"
lon = "lon"
address = ["direccion"]
priority = "prioridad"
status = "estado"

[config.phases]
abierto = "new"
editado = "update"

[[config.types]]
code = "robbery.armed"
pattern = "mano armada"

[[config.types]]
code = "gun.shooting"
pattern = "herido de arma"

[[config.types]]
code = "gun.sound"
pattern = "disparos"

[[config.types]]
code = "noise.complaint"
pattern = "ruidos"

[[config.types]]
code = "violence.fight"
pattern = "discusi[oó]n"

[[config.types]]
code = "traffic.collision"
pattern = "choque"

[[config.types]]
code = "suspicious.activity"
pattern = "sospechos"

[[config.types]]
code = "burglary.alarm"
pattern = "alarma privada"

[[config.types]]
code = "light.outage"
pattern = "luminaria"

[[config.types]]
code = "tree.down"
pattern = "[aá]rbol"

[[config.types]]
code = "medical.emergency"
pattern = "dolor de pecho"

[[config.types]]
code = "theft.report"
pattern = "robo de bicicleta"
"""

_CAMERA = """[worker]
name = "plaza"
health_every_s = 5.0
timezone = "{timezone}"

[detector]
{engine}

[[camera]]
id = "{id}"

[[zone]]
id = "plaza-cerrada"
camera = "{id}"
polygon = {zone}

[[rule]]
kind = "intrusion"
id = "plaza-de-noche"
zone = "plaza-cerrada"

[[rule]]
kind = "loitering"
id = "merodeo"
zone = "plaza-cerrada"
after_s = 8.0
"""

_RECORDER = """[recorder]
name = "{name}"
keep_days = 2.0
reserve_mib = 128 # a demonstration asks little of the machine
stop_mib = 32

[[camera]]
id = "{id}"
"""

_CATALOGUE = """# The city's cameras, once: vision, recorder, console and boards read them here.
[[camera]]
id = "{id}"
name = "Plaza"
place = {{ lat = {lat}, lon = {lon} }}
azimuth_deg = 45.0
field_of_view_deg = 90.0
range_m = 120.0
height_m = 6.0
owner = "simulador"
expected_every_s = {silence_s}
stream = {url}
"""
