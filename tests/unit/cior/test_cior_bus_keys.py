"""Certificates and passwords for a broker with keys, and which of the installation's keys each service gets."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cior_bus.bus_certificates import LIFE_DAYS, RENEW_BEFORE_DAYS, make_certificates
from cior_bus.commands.bus import make_keys, make_passwords
from cior_bus.key_shares import SHARES, centre_hmac, hand_out, team_public, wall_token
from cior_bus.keys import open_keys
from cior_bus.rights import Part, user_of, users
from cior_core.errors import ConfigInvalid

NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_broker_and_the_administrator_are_signed_and_nobody_can_sign_a_third(tmp_path: Path) -> None:
    assert make_certificates(tmp_path, broker_hosts=("kafka", "127.0.0.1"), now=NOW)
    authority = _certificate(tmp_path / "ca" / "ca.pem")
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    for name in ("broker", "admin"):
        made = _certificate(tmp_path / name / f"{name}.pem")
        made.verify_directly_issued_by(authority)
        assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
    holders = {path.parent.name for path in tmp_path.rglob("*.pem") if b"PRIVATE KEY" in path.read_bytes()}
    assert holders == {"broker", "admin"}, "the authority's key is written nowhere"
    assert (tmp_path / "broker" / "ca.pem").read_bytes() == (tmp_path / "ca" / "ca.pem").read_bytes()


def test_the_administrators_certificate_makes_no_broker_and_others_read_no_key(tmp_path: Path) -> None:
    make_certificates(tmp_path, broker_hosts=("kafka",), now=NOW)
    admin = _certificate(tmp_path / "admin" / "admin.pem")
    use = admin.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(use) == {ExtendedKeyUsageOID.CLIENT_AUTH}
    with pytest.raises(x509.ExtensionNotFound):
        admin.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    for name in ("broker", "admin"):
        assert (tmp_path / name / f"{name}.pem").stat().st_mode & 0o027 == 0


def test_they_are_made_again_when_they_end_soon_and_not_before(tmp_path: Path) -> None:
    def again(days: int) -> bool:
        return make_certificates(tmp_path, broker_hosts=("kafka",), now=NOW + dt.timedelta(days=days))

    assert again(0)
    first = (tmp_path / "ca" / "ca.pem").read_bytes()
    assert not again(LIFE_DAYS - RENEW_BEFORE_DAYS - 1)
    assert (tmp_path / "ca" / "ca.pem").read_bytes() == first
    assert again(LIFE_DAYS - RENEW_BEFORE_DAYS)
    assert (tmp_path / "ca" / "ca.pem").read_bytes() != first


def test_each_part_finds_its_own_password_and_no_others_and_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_certificates(tmp_path, broker_hosts=("kafka",))
    wanted = users(("dc09", "traccar"))
    assert set(make_passwords(tmp_path, wanted)) == {user.name for user in wanted}
    kept = {path.name: path.read_text() for path in (tmp_path / "passwords").iterdir()}
    for user in wanted:
        assert {path.name for path in (tmp_path / user.name).iterdir()} == {"ca.pem", f"{user.name}.password"}
    assert len(set(kept.values())) == len(wanted)
    assert make_passwords(tmp_path, wanted) == []
    assert {path.name: path.read_text() for path in (tmp_path / "passwords").iterdir()} == kept
    centre = tmp_path / "centre.toml"
    centre.write_text('[centre]\nname = "Ensayo"\n[[connector]]\nfile = "one.toml"\n')
    (tmp_path / "one.toml").write_text('kind = "nueva"\nname = "one"\n')
    assert make_keys(tmp_path, ("kafka",), centre) == 0
    told = capsys.readouterr().out
    assert told == "certificates there\npasswords made 1\n"
    assert not any(secret in told for secret in kept.values())
    assert (tmp_path / user_of(Part.CONNECTORS, family="nueva").name).is_dir()


def test_a_service_gets_its_share_of_the_keys_and_never_the_teams_private_one(tmp_path: Path) -> None:
    ring = open_keys(tmp_path / "keys", own_team=True)
    (tmp_path / "keys" / "repair.public").write_text("a public key")
    (tmp_path / "keys" / "signers.json").write_text("{}")
    (tmp_path / "keys" / "console.signing").write_text("the console's")
    (tmp_path / "keys" / "notify.signing").write_text("of who rings people")
    hand_out(ring.keys, tmp_path / "keys", tmp_path / "shares")
    files = {(path.parent.name, path.name) for path in (tmp_path / "shares").glob("*/*")}
    assert files - {(service, "keys.json") for service in SHARES} == {
        ("connectors", "repair.public"),
        ("phones", "repair.public"),
        ("phones", "signers.json"),
        ("phones", "notify.signing"),
        ("streams", "signers.json"),
        ("sink", "signers.json"),
        ("console", "signers.json"),
        ("console", "console.signing"),
        ("console", "signers.json"),
    }
    everything = b"".join(path.read_bytes() for path in (tmp_path / "shares").rglob("*") if path.is_file())
    assert ring.team_private_file is not None
    assert ring.team_private_file.read_bytes() not in everything
    for service, share in SHARES.items():
        held = msgspec.json.decode((tmp_path / "shares" / service / "keys.json").read_bytes())
        assert set(held) == set(share.fields)
        assert (tmp_path / "shares" / service / "keys.json").stat().st_mode & 0o077 == 0
    assert centre_hmac(tmp_path / "shares" / "streams") == ring.keys.centre_hmac
    assert team_public(tmp_path / "shares" / "connectors") == ring.keys.team_public
    assert wall_token(tmp_path / "shares" / "console") == ring.keys.wall_token
    assert centre_hmac(tmp_path / "keys") == ring.keys.centre_hmac, "on one machine the whole folder will do"


def test_a_part_without_its_key_says_so_and_makes_none(tmp_path: Path) -> None:
    """A second pseudonym key would give each sealed device a second name."""
    for ask in (centre_hmac, team_public, wall_token):
        with pytest.raises(ConfigInvalid, match=r"keys\.not_given"):
            ask(tmp_path / "keys")
    assert not (tmp_path / "keys").exists()
    hand_out(open_keys(tmp_path / "keys", own_team=True).keys, tmp_path / "keys", tmp_path / "shares")
    with pytest.raises(ConfigInvalid, match="wall_token"):
        wall_token(tmp_path / "shares" / "connectors")
    (tmp_path / "shares" / "console" / "keys.json").chmod(0o644)
    with pytest.raises(ConfigInvalid, match="read by others"):
        wall_token(tmp_path / "shares" / "console")
