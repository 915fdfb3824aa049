"""Whatever bytes a package holds, the verifier ends, writes nothing, and never calls a changed bag sound.

Each kind of input has its short form here and its long one in ``make long``: over a million together.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey

from cior_bus import sealed_box
from cior_evidence import verify
from engines.long_runs import often
from integration.evidence.authorities import pki, revocation_list
from integration.evidence.package_rig import FRAME, box, clip, ledger_key, written, zipped

SLOWEST_S = 20.0
"""For one input, on a busy machine: nothing that a package holds may keep a reader waiting."""

SHA256_OID = bytes.fromhex("0609608648016503040201")


@cache
def sound() -> dict[str, bytes]:
    """Every file of a sound package."""
    with TemporaryDirectory() as folder:
        top = written(Path(folder))
        return {
            path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()
        }


def bent(content: bytes, chance: random.Random) -> bytes:
    """One to four faults of the kinds that disks, editors and enemies make."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(made) + 1)
        size = chance.choice((1, 1, 1, 2, 4, 16, 200))
        match chance.randrange(6):
            case 0 if made:
                made[place % len(made)] ^= 1 << chance.randrange(8)
            case 1:
                made[place : place + size] = chance.randbytes(size)
            case 2:
                made[place:place] = chance.randbytes(size)
            case 3:
                del made[place : place + size]
            case 4:
                made[place : place + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x30\x80\x00\x00")
                )
            case _:
                made[place:place] = made[place : place + size] * chance.choice((1, 3, 50))
    return bytes(made)


def tried(name: str, count: int, once: Callable[[random.Random], None]) -> None:
    """``once`` with ``count`` seeds; the seed is named when it fails."""
    for number in range(count):
        began = time.monotonic()
        try:
            once(random.Random(f"{name} {number}"))
        except Exception as why:
            why.add_note(f"{name}, seed {number}")
            raise
        assert time.monotonic() - began < SLOWEST_S, f"{name}, seed {number}"


class Held(verify.Files):
    """A package in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        self._files = files
        self.sizes = {path: len(content) for path, content in files.items()}

    def place(self, path: str) -> tuple[int, int]:
        descriptor = os.memfd_create("fuzz")
        os.write(descriptor, self._files[path])
        return descriptor, 0


def judged(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> verify.Report:
    """verify.py's own main path over files in memory."""
    monkeypatch.setattr(verify, "opened", lambda *_: Held(files))
    roots = [verify.Certificate(pki().root.der)]
    return verify.verify("x", verify.Given(roots, verify.Kept(verify.read_key(ledger_key()), []), None, ""))


def test_the_sound_one_is_sound_in_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.code for each in judged(sound(), monkeypatch).findings] == ["box.closed"]  # a note


@pytest.mark.long
def test_a_bent_package_never_passes_and_never_breaks_the_verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Revocation lists and what else is only there to help may be bent into a note; nothing else may."""
    paths = sorted(sound())

    def once(chance: random.Random) -> None:
        path = chance.choice(paths)
        files = sound() | {path: bent(sound()[path], chance)}
        if chance.random() < 0.1:
            del files[path]
        report = judged(files, monkeypatch)
        if files.get(path) != sound()[path] and path.startswith("bag/"):
            assert report.exit_code == 1, path
        json.dumps(verify.as_json(report))
        verify.as_text(report, "es", sorted(verify.STEPS))

    tried("package", often(150, long=100_000), once)


@pytest.mark.parametrize(("digest", "is_refused"), [("b" * 64, False), ("c" * 64, True)])
def test_a_cameras_event_names_bytes_that_its_stretch_lists(
    digest: str, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record is what is told of the bytes; the event's own digest is of those that had come by then."""
    files = dict(sound())
    stretch, event = "bag/data/crudo/tramo.json", "bag/data/eventos/camara.json"
    files[stretch] = json.dumps({"events": [{"sha256": "b" * 64}]}).encode()
    files[event] = json.dumps({"data": {"raw": {"raw_id": "tramo", "sha256": digest}}}).encode()
    rows = {
        verify.RAW_ROWS: {
            "archivo": "data/crudo/tramo.json", "registro": "tramo", "sha256": "a" * 64,
            "tipo_contenido": verify.STRETCH,
        },
        verify.EVENT_ROWS: {"archivo": "data/eventos/camara.json"},
    }  # fmt: skip
    for path, row in rows.items():
        files[path] = files[path] + json.dumps(row).encode() + b"\n"
    found = [(each.code, each.path) for each in judged(files, monkeypatch).findings]
    assert (("raw.other", event) in found) is is_refused


@pytest.mark.parametrize("path", [verify.SIGNATURE, verify.TOKEN])
def test_a_digest_that_nobody_knows_is_malformed_wherever_it_is_named(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the long form: one of these places ended the verifier. The first is the list that only announces
    digests (RFC 5652 5.1), which is under no signature of a token.
    """
    whole = sound()[path]
    places = [found.start() for found in re.finditer(re.escape(SHA256_OID), whole)]
    assert len(places) > 2
    for place in places:
        other = bytearray(whole)
        other[place + 3] ^= 0x40
        report = judged(sound() | {path: bytes(other)}, monkeypatch)
        assert report.exit_code == 1 or (path == verify.TOKEN and place == places[0]), place


@pytest.mark.long
def test_bent_der_is_malformed_or_means_something() -> None:
    files = [sound()["sello/tagmanifest.p7s"], sound()["sello/tagmanifest.p7s.tsr"], pki().signer.der]
    files += [revocation_list(pki().middle, [(pki().signer, pki().signer.certificate.not_valid_before_utc)])]
    readers: list[Callable[[bytes], Any]] = [
        verify.SignedData,
        lambda raw: verify.read_stamp(verify.token_of(raw)),
        verify.Certificate,
        verify.RevocationList,
    ]

    def once(chance: random.Random) -> None:
        which = chance.randrange(4)
        try:
            found = readers[which](bent(files[which], chance))
            if which == 0:
                _ = found.signing_time, found.signer([]), found.is_over(b"x")
            if which == 2:
                _ = found.name, found.may(0), found.issued(found)
        except verify.Malformed:
            return

    tried("der", often(2_000, long=500_000), once)


@pytest.mark.long
def test_a_bent_box_is_malformed_and_what_was_bent_before_it_was_sealed_means_something_or_is_malformed() -> (
    None
):
    """The second is an insider's: libsodium itself seals what the verifier then reads."""
    whole, key = box(1)
    content = sealed_box.unlock(whole, key)
    holder = PrivateKey.generate()

    def once(chance: random.Random) -> None:
        with suppress(verify.Malformed):
            assert verify.open_box(bent(whole, chance), key)["payload"] == FRAME
        sealed = sealed_box.seal(bent(content, chance), [bytes(holder.public_key)])
        with suppress(verify.Malformed):
            assert isinstance(verify.open_box(sealed, sealed_box.content_key(sealed, bytes(holder))), dict)

    tried("box", often(200, long=50_000), once)


@pytest.mark.long
def test_a_bent_film_is_malformed_or_has_packets_inside_it() -> None:
    films = [clip(1), clip(2, flags="frag_keyframe+empty_moov+default_base_moof"), clip(5, sound=True)]

    def once(chance: random.Random) -> None:
        film = bent(chance.choice(films), chance)

        def read(offset: int, size: int) -> bytes:
            return film[max(0, offset) : max(0, offset) + size]

        try:
            found = verify.read_clip(read, len(film))
        except verify.Malformed:
            return
        inside = all(start >= 0 and start + size <= len(film) for start, size in found.samples)
        assert inside or found.faults

    tried("film", often(1_000, long=200_000), once)


@pytest.mark.long
def test_a_bent_zip_is_refused_or_means_what_it_meant(tmp_path: Path) -> None:
    """What is still taken holds the same files as the standard library sees, and nothing is ever written."""
    whole = zipped(written(tmp_path / "p")).read_bytes()
    directory = whole.rindex(b"PK\x01\x02", 0, whole.index(b"PK\x01\x02") + 4)
    path = tmp_path / "x.zip"

    def once(chance: random.Random) -> None:
        # Half of the faults in the directory, which is what decides.
        content = (
            whole[:directory] + bent(whole[directory:], chance)
            if chance.random() < 0.5
            else bent(whole, chance)
        )
        path.write_bytes(content)
        report = verify.Report()
        found = verify.StoredZip(str(path), report)
        if not report.findings:
            with zipfile.ZipFile(io.BytesIO(content)) as peer:
                names = {name.partition("/")[2]: peer.getinfo(name).file_size for name in peer.namelist()}
            assert found.sizes == names
        assert {each.name for each in tmp_path.iterdir()} == {"p", "x.zip"}

    tried("zip", often(500, long=200_000), once)


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
@settings(max_examples=200)
def test_strict_json_reads_what_json_writes(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        assert verify.parse(text) == value
    except verify.NotStrict:
        assert any(0xD800 <= ord(char) <= 0xDFFF for char in text.decode("utf-8", "surrogatepass"))


@given(
    st.binary(max_size=300) | st.text('{}[]",:0123456789.eE+-NaInfity ul\\tru', max_size=60).map(str.encode)
)
@settings(max_examples=300)
def test_any_bytes_are_json_or_not_strict(content: bytes) -> None:
    try:
        value = verify.parse(content)
    except verify.NotStrict as refused:
        code = refused.code
    else:
        code = ""
        assert value == json.loads(content)
    assert code == "" or code in verify.SENTENCES


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_any_bytes_are_a_note_or_malformed(content: bytes) -> None:
    for reader in (verify.read_checkpoint, lambda raw: verify.pem_blocks(raw, "CERTIFICATE")):
        try:
            reader(content)
        except verify.Malformed:
            continue
