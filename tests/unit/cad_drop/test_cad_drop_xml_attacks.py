"""XML that attacks its reader: nothing is expanded, fetched or included, and it costs neither memory nor time."""

from __future__ import annotations

import resource
import socket
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from cior_core.model import Event
from unit.cad_drop.files import HEAD, outcomes

CANARY = "CANARIO-4711"
MAPPING = (
    HEAD + 'format = "xml"\nrecords_at = "call"\nzone = "UTC"\nencoding = "utf-8"\n'
    '[columns]\nid = ["number"]\noccurred = "created"\ntype = "nature"\naddress = ["address"]\n'
)
CALL = (
    "<number>7</number><created>2026-11-24T22:05:00Z</created>"
    "<nature>{nature}</nature><address>San Luis 1200</address>"
)
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPES = {
    "billion laughs": (f'<!DOCTYPE r [<!ENTITY l0 "ja">{LAUGHS}]>', "&l9;"),
    "quadratic": (f'<!DOCTYPE r [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 20_000),
    "external entity": ('<!DOCTYPE r [<!ENTITY x SYSTEM "file://{secret}">]>', "&x;"),
    "external by name": ('<!DOCTYPE r [<!ENTITY x PUBLIC "-//A//B" "{secret}">]>', "&x;"),
    "over the network": ('<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>', "&x;"),
    "external dtd": ('<!DOCTYPE r SYSTEM "file://{secret}">', "x"),
    "external dtd by name": ('<!DOCTYPE r PUBLIC "-//A//B" "http://127.0.0.1:9/x.dtd">', "x"),
    "parameter entity": ('<!DOCTYPE r [<!ENTITY % p SYSTEM "file://{secret}"> %p;]>', "x"),
    "parameter bomb": ("<!DOCTYPE r [<!ENTITY % a \"<!ENTITY b 'c'>\"> %a; %a;]>", "&b;"),
    "in an attribute": ('<!DOCTYPE r [<!ENTITY a "b">]>', '<t v="&a;"/>'),
    "default attribute": ('<!DOCTYPE r [<!ATTLIST call nature CDATA "x">]>', "x"),
    "notation": ('<!DOCTYPE r [<!NOTATION n SYSTEM "{secret}">]>', "x"),
    "unparsed": ('<!DOCTYPE r [<!NOTATION n SYSTEM "x"><!ENTITY u SYSTEM "{secret}" NDATA n>]>', "x"),
    "empty": ("<!DOCTYPE r []>", "x"),
    "late": ("<!-- a --><?b c?>\n<!DOCTYPE r [<!ENTITY a 'b'>]>", "&a;"),
}


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that nobody may open; whoever asks for a connection fails."""

    def refuse(*_arguments: object, **_fields: object) -> NoReturn:
        raise AssertionError("an XML file made a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    path = tmp_path / "secret.xml"
    path.write_text(f"<nature>{CANARY}</nature>")
    return path


def said(found: list[Event | str]) -> str:
    return " ".join(each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("kind", DOCTYPES)
def test_a_document_type_is_refused_before_anything_of_it_is_read(
    kind: str, encoding: str, secret: Path
) -> None:
    head, nature = DOCTYPES[kind]
    declared = '<?xml version="1.0" encoding="ISO-8859-1"?>' if encoding == "latin-1" else ""
    text = (
        declared + head.replace("{secret}", str(secret)) + f"<r><call>{CALL.format(nature=nature)}</call></r>"
    )
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = list(outcomes(MAPPING, text.encode(encoding)))
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert set(found) == {"cad_drop.xml_forbidden"}
    assert CANARY not in said(found)
    assert grown_kib < 64_000


INCLUDED = {
    "xinclude": '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret}" parse="text"/>',
    "xinclude xml": '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{secret}"/>',
    "xlink": '<a xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="{secret}" xlink:show="embed"/>',
    "base": '<a xml:base="file:///" href="{secret}"/>',
    "stylesheet": '<?xml-stylesheet type="text/xsl" href="{secret}"?>',
    "script": "<?php include('{secret}'); ?>",
}


@pytest.mark.parametrize("kind", INCLUDED)
def test_nothing_is_included_from_elsewhere(kind: str, secret: Path) -> None:
    nature = "choque " + INCLUDED[kind].replace("{secret}", str(secret))
    (found,) = outcomes(MAPPING, f"<r><call>{CALL.format(nature=nature)}</call></r>".encode())
    assert isinstance(found, Event)
    assert found.native_type == "choque"
    assert CANARY not in said([found])


def _deep(levels: int) -> list[Event | str]:
    nature = "<a>" * levels + "hondo" + "</a>" * levels
    whole = f"<r><call>{CALL.format(nature=nature)}</call><call>{CALL.format(nature='choque')}</call></r>"
    return list(outcomes(MAPPING, whole.encode()))


def test_depth_costs_the_call_behind_it_nothing() -> None:
    deep, last = _deep(2_000)
    assert isinstance(deep, Event)
    assert isinstance(last, Event)
    assert (deep.native_type, last.native_type) == ("hondo", "choque")


def test_depth_without_end_is_kept_as_evidence_and_ends_nothing() -> None:
    assert set(_deep(500_000)) == {"cad_drop.record_too_long"}
