"""``cior config lint`` and ``check`` of ``[evidence]``: each fault with its code and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cior.config_command import check, lint
from doubles.authorities import Authorities, tsa_over_http

FILES = ("sello.pem", "raiz.pem", "intermedia.pem", "ca.crl", "sello.key")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture
def centre(tmp_path: Path, authority: Authorities) -> Iterator[Path]:
    """A centre that could seal, its authority running."""
    for name in FILES:
        (tmp_path / name).write_bytes((authority.folder / name).read_bytes())
    (tmp_path / "sello.key").chmod(0o600)
    (tmp_path / "registry.toml").write_text("")
    (tmp_path / "anillo").mkdir()
    text = '[centre]\nname = "Rosario"\n[evidence]\nseal = "sello.toml"\nrings = ["anillo"]\n'
    (tmp_path / "centre.toml").write_text(text)
    with tsa_over_http(authority) as url:
        said = (authority.folder / "sello.toml").read_text().replace("http://127.0.0.1:9/", url)
        (tmp_path / "sello.toml").write_text(said)
        yield tmp_path / "centre.toml"


def test_a_centre_that_can_seal_has_its_authority_asked(
    centre: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(centre) == 0
    assert "sello.toml: the authority of time answers, " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "code", "cure"),
    [
        (lambda folder: (folder / "sello.toml").unlink(), "seal.file", "deploy/README.md"),
        (lambda folder: (folder / "sello.key").chmod(0o644), "keys.readable_by_others", "chmod 600"),
        (lambda folder: (folder / "sello.pem").write_text("no"), "seal.certificate", "openssl x509"),
        (
            lambda folder: (folder / "centre.toml").write_text(
                (folder / "centre.toml").read_text().replace('rings = ["anillo"]\n', "")
            ),
            "evidence.no_ring", "[[recorder]]",
        ),
        (
            lambda folder: (folder / "centre.toml").write_text(
                (folder / "centre.toml").read_text() + 'zone = "Rosario"\n'
            ),
            "config.zone", "IANA",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_code_and_a_cure(
    centre: Path, capsys: pytest.CaptureFixture[str], spoil: object, code: str, cure: str
) -> None:
    assert callable(spoil)
    spoil(centre.parent)
    assert lint(centre) == 2
    said = capsys.readouterr().out
    assert code in said
    assert cure in said


def test_an_authority_that_is_away_is_named(centre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = centre.parent / "sello.toml"
    lines = [
        "tsa_url = 'http://127.0.0.1:9/'" if line.startswith("tsa_url") else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    assert check(centre) == 1
    assert "seal.tsa_away" in capsys.readouterr().out
