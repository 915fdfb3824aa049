"""``cior tls``: an authority for the console's names alone, a certificate, another one from it later."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.x509 import verification

from cior.cli import main
from cior_bus.certificates import SERVER, Authority
from cior_bus.commands.tls import AUTHORITY, AUTHORITY_KEY, FOLDER, SERVER_FILE, init, renew
from cior_console.sign_in.tls import server_context
from cior_core.errors import ConfigInvalid

FILE = """[centre]
name = "Ensayo"
[console]
host = "0.0.0.0"
names = ["muro.ciudad.example", "10.0.0.5"]
"""
NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    file = tmp_path / "centre.toml"
    file.write_text(FILE)
    return file


def verified(folder: Path, host: x509.GeneralName, at: dt.datetime) -> list[x509.Certificate]:
    """The chain as a strict client checks it (RFC 5280, CA/Browser Forum profile), for a server of this name."""
    root = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
    leaf = x509.load_pem_x509_certificates((folder / SERVER_FILE).read_bytes())[0]
    builder = verification.PolicyBuilder().store(verification.Store([root])).time(at)
    return builder.build_server_verifier(host).verify(leaf, [])  # type: ignore[arg-type]


def test_one_command_makes_what_a_browser_accepts(centre: Path) -> None:
    told = CliRunner().invoke(main, ["tls", "init", "--config", str(centre)])
    assert told.exit_code == 0, told.output
    folder = centre.parent / "data" / FOLDER
    assert "server.pem" in told.output
    assert "PRIVATE" not in told.output
    at = dt.datetime.now(dt.UTC)
    for name in ("muro.ciudad.example", "localhost"):
        assert verified(folder, x509.DNSName(name), at)
    context = server_context(folder / SERVER_FILE)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_its_key_is_worth_nothing_elsewhere(centre: Path) -> None:
    init(centre, None, ())
    folder = centre.parent / "data" / FOLDER
    stolen = Authority.read((folder / AUTHORITY_KEY).read_bytes(), (folder / AUTHORITY).read_bytes())
    (folder / SERVER_FILE).write_bytes(
        stolen.sign("bank", NOW, hosts=("banco.example",), usages=(SERVER,), days=90)
    )
    with pytest.raises(verification.VerificationError):
        verified(folder, x509.DNSName("banco.example"), NOW)


def test_only_their_owner_reads_the_keys(centre: Path) -> None:
    init(centre, None, ())
    folder = centre.parent / "data" / FOLDER
    assert {name: (folder / name).stat().st_mode & 0o077 for name in (AUTHORITY_KEY, SERVER_FILE)} == {
        AUTHORITY_KEY: 0,
        SERVER_FILE: 0,
    }


def test_a_new_certificate_comes_from_the_same_authority_and_has_the_same_names(centre: Path) -> None:
    init(centre, None, ("consola.ciudad.example",), now=NOW)
    folder = centre.parent / "data" / FOLDER
    before = (folder / AUTHORITY).read_bytes()
    old = (folder / SERVER_FILE).read_bytes()
    later = NOW + dt.timedelta(days=390)
    renew(centre, None, now=later)
    assert (folder / AUTHORITY).read_bytes() == before, "browsers trust it already"
    assert (folder / SERVER_FILE).read_bytes() != old
    for name in ("consola.ciudad.example", "muro.ciudad.example"):
        assert verified(folder, x509.DNSName(name), later + dt.timedelta(days=300))


def test_what_browsers_trust_is_not_made_anew_by_a_slip(centre: Path) -> None:
    init(centre, None, ())
    with pytest.raises(ConfigInvalid, match=r"tls\.exists"):
        init(centre, None, ())
    (centre.parent / "data" / FOLDER / AUTHORITY_KEY).unlink()
    with pytest.raises(ConfigInvalid, match=r"tls\.no_authority"):
        renew(centre, None)


def test_a_certificate_for_nobody_is_refused(centre: Path) -> None:
    centre.write_text('[centre]\nname = "Ensayo"\n')
    with pytest.raises(ConfigInvalid, match=r"tls\.no_names"):
        init(centre, None, ())


def test_a_certificate_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("nothing")
    for name in ("server.pem", "absent.pem"):
        with pytest.raises(ConfigInvalid, match=r"tls\.unreadable"):
            server_context(tmp_path / name)
