"""The keys of a centre: made where they belong, replaced without losing what is under way, what is lost with one."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from nacl.public import PrivateKey

from cior.cli import main
from cior_bus import sealed_box
from cior_bus.keys import Keys, open_keys, read_keys, refuse_team_private, repair_public
from cior_bus.public_key import line_of, read_line
from cior_bus.recipients import note_recipients, open_by_keeper, recipients
from cior_bus.signers import open_signer, opener
from cior_bus.signing import ActionSigner
from cior_core import signatures
from cior_core.errors import AccessDenied, ConfigInvalid, PayloadRejected
from cior_core.model import Action, ActionKind

HOUR_MS = 3_600_000
CENTRE = '[centre]\nname = "Ensayo"\n'


class Centre:
    """A centre whose team made its key on another computer."""

    def __init__(self, folder: Path) -> None:
        self.file, self.keys, self.elsewhere = (
            folder / "centre.toml",
            folder / "data" / "keys",
            folder / "team",
        )
        self.file.write_text(CENTRE)
        self.keys.mkdir(parents=True, mode=0o700)

    def run(self, *words: str, code: int = 0) -> str:
        made = CliRunner().invoke(main, ["keys", *words])
        assert made.exit_code == code, made.output
        return made.output

    def on_centre(self, *words: str, code: int = 0) -> str:
        return self.run(*words, "--config", str(self.file), code=code)

    def team(self, folder: str = "team") -> Path:
        """The team makes a pair and carries the public half."""
        self.run("team", str(self.elsewhere / folder))
        return self.elsewhere / folder / "team.public"

    def start(self) -> Keys:
        """What ``cior up`` does with keys before any part starts."""
        public = self.team()
        (self.keys / "team.public").write_bytes(public.read_bytes())
        ring = open_keys(self.keys)
        refuse_team_private(ring)
        note_recipients(self.keys, ring.keys.team_public, now_ms=1_790_000_000_000)
        return ring.keys

    def secrets(self) -> set[str]:
        """Every secret that lies in any file here, as it would be printed."""
        found = set()
        for path in self.file.parent.rglob("*"):
            if path.suffix in {".private", ".signing"}:
                found.add(path.read_text())
            if path.name == "keys.json":
                keys = read_keys(path)
                found |= {keys.wall_token, keys.traccar_secret, keys.dc09_key}
                found |= {
                    base64.b64encode(key).decode()
                    for key in (keys.centre_hmac, *(each.key for each in keys.retired))
                }
        return found


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


def private_of(public: Path) -> PrivateKey:
    return PrivateKey(base64.b64decode(public.with_suffix(".private").read_text()))


def note(number: int, at_ms: int) -> Action:
    return Action(id=f"n-{number}", kind=ActionKind.NOTE, actor="op", at_ms=at_ms, reason="seen")


def test_the_teams_private_key_is_made_elsewhere_and_no_part_of_a_centre_ever_has_it(centre: Centre) -> None:
    keys = centre.start()
    assert sorted(path.name for path in centre.keys.iterdir()) == [
        "keys.json",
        "recipients.json",
        "team.public",
    ]
    private = private_of(centre.elsewhere / "team" / "team.public")
    assert bytes(private.public_key) == keys.team_public
    carried = {centre.file, centre.keys / "team.public"}
    files = {path for path in centre.file.parent.rglob("*") if path.is_file()} - carried
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert bytes(private) not in b"".join(path.read_bytes() for path in centre.keys.iterdir())


def test_a_centre_without_the_teams_key_does_not_start_and_says_what_to_do(centre: Centre) -> None:
    with pytest.raises(ConfigInvalid, match=r"keys\.no_team.*cior keys team"):
        open_keys(centre.keys)
    assert list(centre.keys.iterdir()) == []


def test_a_private_key_of_the_team_on_a_centres_computer_stops_the_start(centre: Centre) -> None:
    """As releases before this one left it there."""
    open_keys(centre.keys, own_team=True)
    with pytest.raises(ConfigInvalid, match=r"keys\.team_private.*move it"):
        refuse_team_private(open_keys(centre.keys))


def test_a_key_that_was_made_is_never_overwritten(centre: Centre) -> None:
    public = centre.team()
    before = public.with_suffix(".private").read_bytes()
    told = centre.run("team", str(public.parent), code=2)
    assert "keys.there" in told
    assert public.with_suffix(".private").read_bytes() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line[:-6],
        lambda line: line.replace("cior-team", "cior-keeper"),
        lambda line: line.split("+")[2],
        lambda line: line_of("team", bytes(32)).rsplit("+", 1)[0] + "+" + line.rsplit("+", 1)[1],
        lambda _line: "",
    ],
    ids=["cut", "of another role", "bare", "of another key", "empty"],
)
def test_a_public_key_that_was_damaged_on_its_way_is_refused(centre: Centre, spoil: object) -> None:
    public = centre.team()
    assert callable(spoil)
    public.write_text(spoil(public.read_text().strip()))
    with pytest.raises(ConfigInvalid, match=r"keys\.public"):
        read_line(public, "team")


def test_what_is_printed_is_no_secret(centre: Centre) -> None:
    said = [centre.team("other")]
    centre.start()
    open_signer(centre.keys, "console")
    told = [
        centre.run("team", str(centre.elsewhere / "third")),
        centre.run("keeper", str(centre.elsewhere / "keeper")),
        *(centre.on_centre("rotate", what) for what in ("actions", "centre", "wall")),
        centre.on_centre("rotate", "team", "--public", str(said[0])),
        centre.on_centre("list"),
        centre.on_centre("lost"),
    ]
    assert len(centre.secrets()) >= 10
    for text in told:
        assert text.strip()
        assert [secret for secret in centre.secrets() if secret in text] == []


def test_law_13_a_new_signing_key_takes_over_and_what_the_old_one_signed_stays_valid(centre: Centre) -> None:
    centre.start()
    signer, opens = open_signer(centre.keys, "console"), opener(centre.keys)
    at_ms = opens.ring.keys[0].from_ms
    before = signer.sign(note(1, at_ms), at_ms=at_ms)
    old_seed = (centre.keys / "console.signing").read_bytes()
    assert "console" in centre.on_centre("rotate", "actions")
    old, new = opens.ring.keys
    assert (old.until_ms, new.until_ms) == (new.from_ms, None)
    assert opens(before, at_ms=new.from_ms + HOUR_MS) == before.proof
    assert opens(before, at_ms=None) == before.proof
    after = signer.sign(note(2, at_ms), at_ms=new.from_ms)
    assert after.proof is not None
    assert after.proof.key == new.key
    assert opens(after, at_ms=new.from_ms) == after.proof
    (centre.keys / "console.signing").write_bytes(old_seed)
    with pytest.raises(ConfigInvalid, match=r"keys\.kind_not_signed"):
        open_signer(centre.keys, "console").sign(note(3, at_ms), at_ms=new.from_ms + 1)
    thief = ActionSigner("console", centre.keys / "console.signing").sign(
        note(3, at_ms), at_ms=new.from_ms + 1
    )
    with pytest.raises(PayloadRejected, match=r"action\.key_out_of_time"):
        opens(thief, at_ms=new.from_ms + 1)


def test_law_13_a_stolen_signing_key_is_honoured_no_longer_not_even_back_dated(centre: Centre) -> None:
    centre.start()
    signer, opens = open_signer(centre.keys, "console"), opener(centre.keys)
    at_ms = opens.ring.keys[0].from_ms
    back_dated = signer.sign(note(1, at_ms), at_ms=at_ms)
    centre.on_centre("rotate", "actions", "--stolen")
    ended_ms = opens.ring.keys[0].until_ms
    assert ended_ms is not None
    with pytest.raises(PayloadRejected, match=r"action\.key_out_of_time"):
        opens(back_dated, at_ms=ended_ms + 1)
    # What was put in order before the theft replays (law 5).
    assert opens(back_dated, at_ms=at_ms + 1) == back_dated.proof


def test_a_part_signs_only_what_is_its_own_and_strangers_get_no_key(centre: Centre) -> None:
    centre.start()
    demo, opens = open_signer(centre.keys, "demo"), opener(centre.keys)
    at_ms = opens.ring.keys[0].from_ms
    with pytest.raises(ConfigInvalid, match=r"keys\.kind_not_signed"):
        demo.sign(note(1, at_ms), at_ms=at_ms)
    forced = ActionSigner("demo", centre.keys / "demo.signing").sign(note(1, at_ms), at_ms=at_ms)
    with pytest.raises(PayloadRejected, match=r"action\.kind_not_allowed"):
        opens(forced, at_ms=at_ms)
    with pytest.raises(ConfigInvalid, match=r"keys\.signer"):
        open_signer(centre.keys, "connectors")
    (centre.keys / "demo.signing").chmod(0o644)
    with pytest.raises(ConfigInvalid, match=r"keys\.readable_by_others"):
        demo.sign(note(2, at_ms), at_ms=at_ms)


def test_after_the_teams_rotation_old_boxes_open_with_the_old_key_and_new_ones_with_the_new(
    centre: Centre,
) -> None:
    first = centre.start().team_public
    new = centre.team("new")
    assert "keys.same_team" in centre.on_centre("rotate", "team", code=2)
    centre.on_centre("rotate", "team", "--public", str(new))
    second = open_keys(centre.keys).keys.team_public
    old_box, new_box = (sealed_box.seal(b"who pressed", [each]) for each in (first, second))
    old_private, new_private = (
        bytes(private_of(each)) for each in (centre.elsewhere / "team" / "team.public", new)
    )
    assert (
        sealed_box.unseal(old_box, old_private) == sealed_box.unseal(new_box, new_private) == b"who pressed"
    )
    with pytest.raises(AccessDenied, match=r"box\.other_key"):
        sealed_box.unseal(old_box, new_private)
    was, now = recipients(centre.keys)
    assert (was.public, was.until_ms, now.public, now.until_ms) == (first, now.from_ms, second, None)


def test_a_lost_key_without_a_second_keeper_is_said_plainly_to_be_the_end(centre: Centre) -> None:
    centre.start()
    spanish, english = centre.on_centre("lost"), centre.on_centre("lost", "--lang", "en")
    assert "No lo puede abrir nadie, tampoco nosotros" in spanish
    assert "Nobody can open it, we cannot either" in english
    assert "Sin segundo guardián" in centre.on_centre("list")
    assert "keys.unknown" in centre.on_centre("lost", "0123456789abcdef", code=2)


def test_a_second_keeper_opens_what_was_sealed_in_their_time_and_the_rest_is_said_to_be_gone(
    centre: Centre,
) -> None:
    team, keeper = centre.start().team_public, centre.elsewhere / "keeper"
    centre.run("keeper", str(keeper))
    (centre.keys / "keeper.public").write_bytes((keeper / "keeper.public").read_bytes())
    started_ms = recipients(centre.keys)[0].from_ms
    note_recipients(centre.keys, team, now_ms=started_ms + HOUR_MS)
    (share,) = open_by_keeper(centre.keys, team, now_ms=started_ms + 3 * HOUR_MS)
    assert (share.from_ms, share.until_ms) == (started_ms + HOUR_MS, started_ms + 3 * HOUR_MS)
    told = centre.on_centre("lost")
    assert share.name in told
    assert "Lo sellado antes para la clave perdida no lo puede abrir nadie" in told
    assert "Sin segundo guardián" not in centre.on_centre("list")
    (centre.keys / "keeper.private").write_bytes((keeper / "keeper.private").read_bytes())
    with pytest.raises(ConfigInvalid, match=r"keys\.keeper_private"):
        note_recipients(centre.keys, team, now_ms=started_ms + 2 * HOUR_MS)


def test_the_centres_key_is_replaced_and_the_old_one_kept_for_what_was_named_with_it(centre: Centre) -> None:
    before = centre.start()
    centre.on_centre("rotate", "centre")
    after = open_keys(centre.keys).keys
    assert after.centre_hmac != before.centre_hmac
    assert [each.key for each in after.retired] == [before.centre_hmac]
    centre.on_centre("rotate", "centre", "--stolen")
    last = open_keys(centre.keys).keys.retired[-1]
    assert (last.key, last.remembered_ms) == (after.centre_hmac, 0)
    unchanged = msgspec.structs.replace(after, centre_hmac=before.centre_hmac, retired=())
    assert unchanged == before


def test_no_ring_means_that_nobody_may_sign(tmp_path: Path) -> None:
    with pytest.raises(PayloadRejected, match=r"action\.unsigned"):
        opener(tmp_path)(note(1, 1), at_ms=1)
    assert signatures.SignerRing() == opener(tmp_path).ring


def test_law_17_the_repair_key_is_made_elsewhere_and_its_private_half_stops_the_connectors_of_a_centre(
    centre: Centre,
) -> None:
    assert repair_public(centre.keys) == "", "without one the team alone opens"
    centre.run("repair", str(centre.elsewhere))
    private, public = centre.elsewhere / "repair.private", centre.elsewhere / "repair.public"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    (centre.keys / "repair.public").write_bytes(public.read_bytes())
    made = bytes(PrivateKey(base64.b64decode(private.read_bytes())).public_key)
    assert base64.b64decode(repair_public(centre.keys)) == made
    (centre.keys / "repair.private").write_bytes(private.read_bytes())
    with pytest.raises(ConfigInvalid, match=r"keys\.repair_private"):
        repair_public(centre.keys)
