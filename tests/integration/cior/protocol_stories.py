"""The stories: for each protocol who opens an alert that it answers, over which wire, and what the registry says of
the sender.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from cior_core.model import UNKNOWN_PLACE, Alert, DataClass, Device, Place, PlaceMethod
from cior_demo.roster import Actor

M_NORTH = 1 / 111_195


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Who opens an alert of ``type`` (answered by ``protocol``) and how.

    ``says``: Contact ID code, or Traccar's alarm word, as the wire is.
    """

    protocol: str
    type: str
    wire: str
    kind: str = ""
    says: str = ""
    number: int = 0

    @property
    def native(self) -> str:
        """The device's name on the wire."""
        return f"{0x5000 + self.number:04X}" if self.wire == "panel" else f"v-{self.number:03d}"

    @property
    def subject(self) -> str:
        """The device's id."""
        return {"panel": "panel:", "vehicle": "vehicle:"}[self.wire] + self.native

    def may_be(self, alert: Alert) -> bool:
        """Whether the alert is this story's and not another device's of the same type.

        A pseudonym is nobody's that we know.
        """
        named = alert.members[0].subject if alert.members else ""
        return not named.startswith(("panel:", "vehicle:")) or named == self.subject

    @property
    def at(self) -> tuple[float, float]:
        """Where it is: 1.8 km from every other story."""
        return -33.02 + 0.016 * (self.number % 8), -60.77 + 0.02 * (self.number // 8)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Who sees it: one camera named by the registration, if it has one, and one that stands thirty metres away."""
        if self.wire == "camera":
            return (CAMERA,)
        named = (f"named-{self.number:02d}",) if self.wire in {"panel", "vehicle"} else ()
        return (*named, f"near-{self.number:02d}")

    @property
    def fixed(self) -> bool:
        """Whether the registry knows a place of it."""
        return self.wire == "panel" or self.kind == "app"

    @property
    def block(self) -> str:
        """The block of its registration."""
        return f"block-s{self.number:02d}"

    @property
    def actor(self) -> Actor:
        """The device for the wires."""
        lat, lon = self.at
        return Actor(
            name=self.native, kind=self.kind, native=self.native, subject=self.subject, lat=lat, lon=lon
        )


CAMERA = "camera-plaza"
_PANELS = {
    "panic_community": ("community", "120", "panic.community"),
    "panic_private": ("panel", "120", "panic.alarm"),
    "panic_school": ("school", "120", "panic.school"),
    "panic_facility": ("health_centre", "120", "panic.health_centre"),
    "alarm_unverified": ("panel", "130", "burglary.alarm"),
    "burglary": ("panel", "139", "burglary.verified"),
    "fire": ("panel", "110", "fire.alarm"),
    "gas": ("panel", "151", "gas.alarm"),
    "medical": ("panel", "100", "medical.alarm"),
    "flood": ("panel", "154", "water.alarm"),
    "welfare": ("panel", "654", "person.welfare"),
    "device_tamper": ("panel", "137", "device.tamper"),
    "supervision": ("panel", "350", "supervision.lost"),
    "undecoded": ("panel", "wrong crc", "source.undecoded"),
    "record_only": ("panel", "401", "access.open_close"),
}
_VEHICLES = {
    "panic_transport": ("bus", "sos", "panic.bus"),
    "panic_stop": ("stop", "sos", "panic.stop"),
    "panic_unit": ("unit", "sos", "panic.unit"),
    "silent": ("gbv", "sos", "silent"),
    "traffic_injury": ("bus", "accident", "traffic.injury"),
    "maintenance": ("bus", "powerCut", "device.power_cut"),
    "stuck_button": ("taxi", "sos twenty times", "device.stuck_button"),
}
_DESK = {
    "gun_violence": "gun.shooting",
    "gun_injury": "gun.injury_admission",
    "threat": "gun.threat_note",
    "armed_person": "weapon.seen",
    "violence_injury": "violence.stabbing",
    "violence": "violence.fight",
    "abduction": "violence.abduction",
    "robbery": "robbery.armed",
    "theft": "theft.report",
    "fire_vehicle": "fire.vehicle",
    "arson": "fire.arson",
    "mass_casualty": "medical.mass_casualty",
    "mental_health": "medical.mental_health",
    "rescue": "rescue.person",
    "missing_person": "person.missing",
    "traffic": "traffic.collision",
    "works_order": "tree.down",
    "cable_theft": "cable.theft",
    "wires_down": "power.wires_down",
    "coexistence": "noise.complaint",
    "mediation": "social.mediation",
    "social_team": "social.street_situation",
    "demonstration": "social.demonstration",
    "child_protection": "social.child_at_risk",
    "weather": "weather.storm",
    "cyber": "cyber.fraud",
    "cyber_city": "cyber.intrusion",
    "call_open_line": "call.open_line",
    "call_other": "call.other",
    "suspicious": "suspicious.activity",
    "drugs": "drugs.report",
    "camera_tamper": "camera.tamper",
}


def _stories() -> dict[str, Story]:
    told = [
        *(Story(protocol=p, type=t, wire="panel", kind=k, says=s) for p, (k, s, t) in _PANELS.items()),
        *(Story(protocol=p, type=t, wire="vehicle", kind=k, says=s) for p, (k, s, t) in _VEHICLES.items()),
        *(Story(protocol=p, type=t, wire="desk") for p, t in _DESK.items()),
        Story(protocol="vision_check", type="vision.intrusion", wire="camera"),
        Story(protocol="accounting_gap", type="accounting.gap", wire="accounts"),
        Story(protocol="evidence_integrity", type="integrity.conflict", wire="forger"),
        Story(protocol="action_refused", type="integrity.action", wire="intruder"),
        # The rule makes it, of the bus, the shooting and the arson above.
        Story(protocol="coordinated_attack", type="city.coordinated_attack", wire="rule"),
    ]
    return {each.protocol: msgspec.structs.replace(each, number=n) for n, each in enumerate(told)}


STORIES = _stories()

QUIET_BLOCK = Story(
    protocol="panic_community", type="panic.community", wire="panel", kind="community", says="120", number=60
)
"""A community alarm whose block has no siren."""
ABSENT = Story(
    protocol="panic_community", type="panic.app", wire="vehicle", kind="app", says="sos", number=61
)
"""A neighbour who presses in another part of the city."""
TWICE = Story(protocol="robbery", type="robbery.street", wire="desk", number=62)
"""A robbery of which the desk made two records."""


def devices() -> list[Device]:
    """The registry: every story's device with block, facility and cameras, one siren."""
    return [
        _device(each)
        for each in (*STORIES.values(), QUIET_BLOCK, ABSENT)
        if each.wire in {"panel", "vehicle"}
    ]


def cameras_toml() -> str:
    """The catalogue: one camera thirty metres from every story."""
    near = [each for each in (*STORIES.values(), QUIET_BLOCK, TWICE) if each.wire != "camera"]
    return "\n".join(
        f'[[camera]]\nid = "near-{each.number:02d}"\n'
        f"place = {{ lat = {each.at[0] + 30 * M_NORTH:.6f}, lon = {each.at[1]:.6f} }}"
        for each in near
    )


def _device(story: Story) -> Device:
    home = _place(story, north_m=-5_000 if story is ABSENT else 0) if story.fixed else UNKNOWN_PLACE
    return Device(
        id=story.subject,
        kind=story.kind,
        place=home,
        data_class=DataClass.SEALED if story.kind == "gbv" else DataClass.RESTRICTED,
        siren=story in (STORIES["panic_community"], ABSENT),
        block=story.block,
        facility=f"facility-{story.number:02d}",
        cameras=story.cameras[:1],
        registered_people=story.kind in {"app", "bus", "taxi"},
    )


def _place(story: Story, *, north_m: float = 0.0) -> Place:
    lat, lon = story.at
    return Place(
        method=PlaceMethod.SITE, lat=round(lat + north_m * M_NORTH, 6), lon=round(lon, 6), accuracy_m=10.0
    )


def registry_toml() -> str:
    """:func:`devices` as the centre's registry file."""
    tables = (msgspec.to_builtins(device) for device in devices())
    return "\n\n".join(
        "\n".join(["[[device]]", *(f"{key} = {_toml(value)}" for key, value in table.items())])
        for table in tables
    )


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)
