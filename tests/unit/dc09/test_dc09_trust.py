"""What a frame proves: encryption is due unless the registry says the panel is unable; what may be forged is no sign
of life.
"""

from __future__ import annotations

import msgspec
import pytest

from cior_connectors.builtin.dc09.config import Account, Dc09Config
from cior_connectors.builtin.dc09.decode import decode
from cior_connectors.builtin.dc09.panel import PanelSettings, encode
from cior_connectors.contract import DecodeContext, Facts, Secret
from cior_core import bundled
from cior_core.model import Device, Event, Producer, RawId
from cior_core.taxonomy import Taxonomy

NOW_MS = 1_790_000_000_000
KEY = b"0123456789ABCDEF"
TAXONOMY = Taxonomy.load(bundled.text("taxonomy.toml"))
UNABLE = Device(id="panel:1234", kind="panel", unencrypted=True)
ABLE = Device(id="panel:1234", kind="panel")
HOUR_MS = 3_600_000


def heard(
    token: str,
    content: str = "",
    *,
    key: bytes | None = None,
    device: Device | None = None,
    config: Dc09Config | None = None,
    clock_ms: int = NOW_MS,
    at_ms: int = NOW_MS,
    account: str = "1234",
) -> tuple[Event, ...]:
    """The events of one frame of ``account`` whose panel is registered as ``device``."""
    context = DecodeContext(
        config=config or Dc09Config(default_key=Secret(KEY.decode())),
        taxonomy=TAXONOMY,
        producer=Producer(connector="dc09", version="1.0.0"),
        registry={} if device is None else {device.id: device},
    )
    facts = Facts(
        source="urn:cior:dc09:norte",
        received_ms=at_ms,
        first_received_ms=at_ms,
        raw_id=RawId("raw"),
        details={"arrived_ms": str(at_ms)},
        context=context,
    )
    panel = PanelSettings(account=account, port=1, key=key)
    stamped = clock_ms if key is not None else None
    frame = encode(panel, token=token, sequence=1, data=content, at_ms=stamped)
    return decode(frame, facts).events


def press(**how: object) -> tuple[Event, ...]:
    return heard("ADM-CID", "#1234|1120 00 007", **how)  # type: ignore[arg-type]


def types(found: tuple[Event, ...]) -> list[str]:
    return [event.type for event in found]


@pytest.mark.parametrize("device", [None, ABLE])
def test_a_plain_link_test_is_no_sign_of_life_where_a_key_is_there(device: Device | None) -> None:
    assert types(heard("NULL", device=device)) == ["source.conflict"]


@pytest.mark.parametrize(
    ("given", "must"),
    [
        (Dc09Config(), True),
        (Dc09Config(default_key=Secret(KEY.decode())), True),
        (Dc09Config(accounts={"1234": Account(expected_every_s=60.0)}), True),
    ],
)
def test_a_panel_that_we_know_must_encrypt_whatever_keys_are_configured(
    given: Dc09Config, must: bool
) -> None:
    assert ("heartbeat" not in types(heard("NULL", device=ABLE, config=given))) is must


def test_a_panel_that_the_registry_lists_as_unable_is_believed_and_shown_as_a_blind_spot() -> None:
    pressed, alive = press(device=UNABLE)
    assert (pressed.type, pressed.attributes["authenticated"]) == ("panic.alarm", False)
    assert "unbelieved" not in pressed.attributes
    assert (alive.type, alive.attributes["state"]) == ("heartbeat", "degraded")
    assert alive.attributes["reason"] == "without_encryption"


def test_must_encrypt_outranks_the_registry() -> None:
    config = Dc09Config(accounts={"1234": Account(key=Secret(KEY.decode()), must_encrypt=True)})
    assert types(heard("NULL", device=UNABLE, config=config)) == ["source.conflict"]


@pytest.mark.parametrize("device", [None, ABLE])
def test_a_plain_press_of_a_panel_that_must_encrypt_alarms_marked(device: Device | None) -> None:
    pressed, conflict = press(device=device)
    assert (pressed.type, pressed.life_safety) == ("panic.alarm", True)
    assert (pressed.attributes["authenticated"], pressed.attributes["unbelieved"]) == (False, True)
    assert conflict.attributes["reason"] == "plain_where_encryption_is_due"


def test_an_encrypted_press_is_proven_and_a_sign_of_life() -> None:
    pressed, alive = press(key=KEY, device=ABLE)
    assert (pressed.attributes["authenticated"], alive.type) == (True, "heartbeat")
    assert "unbelieved" not in pressed.attributes


@pytest.mark.parametrize("off_s", [-3 * 86_400, -41, 21, 86_400])
def test_a_recorded_frame_that_is_played_again_alarms_marked_and_is_no_sign_of_life(off_s: int) -> None:
    """Three days old or from tomorrow: NAK says that it is not taken as sent now, and so does the event."""
    (pressed,) = press(key=KEY, device=ABLE, clock_ms=NOW_MS + off_s * 1000)
    assert (pressed.type, pressed.life_safety) == ("panic.alarm", True)
    assert pressed.attributes["timestamp_refused"] is True
    assert (pressed.attributes["authenticated"], pressed.attributes["unbelieved"]) == (False, True)
    assert heard("NULL", key=KEY, device=ABLE, clock_ms=NOW_MS + off_s * 1000) == ()


def test_forged_link_tests_are_one_finding_an_hour_and_invented_accounts_share_one() -> None:
    known = {heard("NULL", device=ABLE, at_ms=NOW_MS + n)[0].id for n in range(50)}
    later = heard("NULL", device=ABLE, at_ms=NOW_MS + HOUR_MS)[0].id
    invented = [heard("NULL", account=f"{n:04d}")[0] for n in range(50)]
    assert len(known) == 1
    assert later not in known
    assert {event.subject for event in invented} == {"urn:cior:dc09:norte"}
    assert len({event.id for event in invented}) == 1


def test_an_account_that_nobody_knows_and_no_key_opens_goes_on_marked_unproven() -> None:
    pressed, alive = press(config=Dc09Config())
    assert (pressed.attributes["authenticated"], alive.type) == (False, "heartbeat")


def test_a_test_report_in_clear_is_marked_so_that_it_counts_as_no_life() -> None:
    """CID 602 and SIA RP are supervision too."""
    for token, content in (("ADM-CID", "#1234|1602 00 000"), ("SIA-DCS", "#1234|Nri1/RP000")):
        found = heard(token, content, device=ABLE)
        assert "heartbeat" not in types(found)
        assert all(
            event.attributes.get("unbelieved") is True or event.type == "source.conflict" for event in found
        )


def test_the_registry_row_reads_unencrypted() -> None:
    assert msgspec.structs.asdict(UNABLE)["unencrypted"] is True
