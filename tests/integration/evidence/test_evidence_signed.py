"""Videos that cameras sign: a group more at the end, a validator of others asked and bounded, its words in the package.

The programs here are written by these tests and say what the published validators say; no camera and no signature is
real (docs/camera-signatures.md tells what was tried by hand).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cior_core.centre_file import ValidatorSection
from cior_core.errors import ConfigInvalid, IntegrityBroken, SourceUnavailable
from cior_core.footage import FootageClock
from cior_core.model import ClockQuality
from cior_core.rfc3339 import to_rfc3339
from cior_core.spans import Span
from cior_evidence import clips, verify
from cior_evidence.bag import Bag
from cior_evidence.camera_validators import Validators
from cior_evidence.clips import Origin, Recorded, Wish
from cior_evidence.footage_in import Delivered, Judging, put_footage
from cior_evidence.order import Item
from cior_evidence.packing import Packing
from cior_evidence.ring import Found, look
from cior_evidence.validator_settings import load_validator
from doubles.authorities import Authorities
from doubles.packages import FPS, START_MS, order, payloads, place, read, ring, segment_file, sources
from doubles.signed_video import AXIS, ONVIF, drawing, sign
from integration.evidence.package_rig import TRAVELLING

GROUP_MS, SEGMENT_MS = 1000, 4000
PATIENT_S = 60.0
"""Longer than anything here takes on a busy machine."""


@pytest.fixture(scope="module")
def signing_ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Segments of 4 s: two that join, a gap, one more; groups of 1 s. Read only."""
    return ring(tmp_path_factory.mktemp("anillo"), draw=drawing())


def item(first_ms: int, last_ms: int) -> Item:
    return Item(
        camera="cam-7",
        reason="x",
        since=to_rfc3339(START_MS + first_ms),
        until=to_rfc3339(START_MS + last_ms),
    )


def put(folder: Path, footage: Path, *items: Item, **more: Any) -> tuple[Bag, Delivered]:
    bag = Bag(folder / "bag")
    return bag, put_footage(bag, items, lambda camera, span: look(footage, camera, span), **more)


def shown(line: dict[str, Any]) -> Span:
    """What a file shows, in ms from the beginning of the recording."""
    whole = [verify.instant(line[name]) for name in ("desde", "hasta")]
    return tuple(round(each.timestamp() * 1000) - START_MS for each in whole if each)  # type: ignore[return-value]


# --- one group more ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "delivered", "spare_ms"),
    [
        ((1500, 1600), (1000, 3000), 2000),  # the next group of the same segment
        ((0, 3000), (0, 4000), 3000),
        ((3200, 4000), (3000, 5000), 4000),  # the first group of the next segment, which was not asked for
        ((3200, 4100), (3000, 6000), 5000),
        ((6500, 7500), (6000, 8000), None),  # nothing was recorded after it
        ((15_500, 16_000), (15_000, 16_000), None),
    ],
)
def test_where_the_camera_signs_a_clip_ends_one_group_later(
    tmp_path: Path, signing_ring: Path, asked: Span, delivered: Span, spare_ms: int | None
) -> None:
    bag, found = put(tmp_path, signing_ring, item(*asked))
    (line,) = found.segments
    assert shown(line) == delivered
    spare = None if spare_ms is None else to_rfc3339(START_MS + spare_ms)
    assert line["firma_camara"]["gop_agregado_desde"] == spare
    assert sum(part["cuadros"] for part in line["partes"]) == len(payloads(bag.folder / line["archivo"]))
    assert found.gaps[0]["cubierto_ms"] == asked[1] - asked[0]


@pytest.mark.parametrize("asked", [(0, 8000), (500, 7999), (3200, 4100)])
def test_files_of_a_long_recording_do_not_overlap(
    tmp_path: Path, signing_ring: Path, monkeypatch: pytest.MonkeyPatch, asked: Span
) -> None:
    """A file a segment, as of hours: what the second one shows is in the second one alone."""
    monkeypatch.setattr(clips, "LONGEST_CLIP_MS", SEGMENT_MS)
    bag, found = put(tmp_path, signing_ring, item(*asked))
    first, second = (shown(each) for each in found.segments)
    assert first[1] == second[0] == SEGMENT_MS
    assert found.segments[0]["firma_camara"]["gop_agregado_desde"] is None
    whole = [packet for each in found.segments for packet in payloads(bag.folder / each["archivo"])]
    recorded = [
        packet for path in sorted(signing_ring.rglob("*-0000000[12].mp4")) for packet in payloads(path)
    ]
    groups = slice(first[0] * FPS // 1000, second[1] * FPS // 1000)
    assert whole == recorded[groups]


CODINGS = {
    "h264 that refers ahead": ("libx264", {"g": "20", "sc_threshold": "0", "bf": "2"}),
    "h264 across keys": ("libx264", {"g": "20", "sc_threshold": "0", "bf": "2", "x264-params": "open-gop=1"}),
    "h265 across keys": (
        "libx265",
        {"x265-params": "keyint=20:min-keyint=20:scenecut=0:bframes=2:log-level=none"},
    ),
}


@pytest.mark.parametrize("uuid", [ONVIF, AXIS])
@pytest.mark.parametrize("coding", CODINGS)
def test_however_it_was_coded_writer_and_verifier_count_the_same_messages(
    tmp_path: Path, coding: str, uuid: UUID
) -> None:
    """Two readers that share no code; encoders put messages of their own into the same stream."""
    segment_file(tmp_path / "plain.mp4", frames=80, coded=CODINGS[coding])
    sign(tmp_path / "plain.mp4", tmp_path / "source.mp4", uuid)
    recorded = Recorded(
        camera="c", number=1, file=tmp_path / "source.mp4", start_ms=0, end_ms=8000, line="x", first_s=0.0,
        clock=FootageClock(source="file", quality=ClockQuality.UNKNOWN), origin=Origin("source.mp4", "00" * 32),
    )  # fmt: skip
    clip = clips.cut([recorded], Wish((2500, 2600)), tmp_path / "made.mp4")
    assert clip is not None
    assert clip.spare_ms is not None
    assert clip.spare_ms >= 2600
    made = (tmp_path / "made.mp4").read_bytes()
    film = verify.read_clip(lambda at, size: made[at : at + size], len(made))
    signs = verify.SignatureReader(film.described)
    for at, size in film.samples:
        signs.take(made[at : at + size])
    assert signs.found == {scheme.value: count for scheme, count in clip.signed.items()}
    assert sum(signs.found.values()) == (clip.frames + 19) // 20


def test_of_a_camera_that_does_not_sign_nothing_more_is_taken(tmp_path: Path, footage_ring: Path) -> None:
    _, found = put(tmp_path, footage_ring, item(3200, 4000))
    assert shown(found.segments[0]) == (3000, 4000)
    assert found.segments[0]["firma_camara"] == {
        "veredicto": "not_signed", "gop_agregado_desde": None, "firmas": [],
    }  # fmt: skip


@pytest.mark.parametrize(("asked", "kept"), [((1500, 1600), (2100, 2200)), ((3200, 4000), (4000, 4500))])
def test_the_group_more_never_shows_what_was_refused_or_is_in_another_file(
    tmp_path: Path, signing_ring: Path, asked: Span, kept: Span
) -> None:
    refused = item(*kept)
    _, found = put(
        tmp_path / "a", signing_ring, item(*asked), refused, refused=frozenset({("cam-7", refused.span)})
    )
    assert [shown(each)[1] for each in found.segments] == [
        asked[1] // GROUP_MS * GROUP_MS + GROUP_MS * (asked[1] % GROUP_MS > 0)
    ]
    _, both = put(tmp_path / "b", signing_ring, item(*asked), item(*kept))
    first, second = (shown(each) for each in both.segments)
    assert first[1] <= second[0]


def test_a_ring_that_is_broken_after_what_was_asked_stops_nothing(tmp_path: Path, signing_ring: Path) -> None:
    def look_only_at(camera: str, span: Span, /) -> Found:
        if span[0] >= START_MS + SEGMENT_MS:
            raise IntegrityBroken("ring.chain", "broken", cure="x")
        return look(signing_ring, camera, span)

    found = put_footage(Bag(tmp_path / "bag"), [item(3200, 4000)], look_only_at)
    assert shown(found.segments[0]) == (3000, 4000)
    assert found.segments[0]["firma_camara"]["veredicto"] == "unknown"


# --- whoever judges ---------------------------------------------------------------------------------------------

HEAD = f"#!{sys.executable} -I\nimport os, sys, time\n"
VALID = (
    "-----\nPUBLIC KEY IS VALID!\n-----\nVIDEO IS VALID!\nNumber of valid GOPs: 4\n"
    "Number of validated frames: 10\nNumber of pending frames  : 10\n-----\n"
)
"""Of a group of ten pictures, and ten more that bring its signature."""
WRITES = "open('validation_results.txt', 'w').write({!r})\n"


def program(folder: Path, text: str) -> Path:
    """An executable of this text."""
    made = folder / "validator"
    made.write_text(HEAD + text)
    made.chmod(0o700)
    return made


def judging(command: Path, *, timeout_s: float = PATIENT_S, rules: str = "onvif", **more: Any) -> Judging:
    section = ValidatorSection(command=str(command), rules=rules, timeout_s=timeout_s, version="25.12.3")
    return Judging(Validators([load_validator(section, command.parent)]), **more)


def judged(tmp_path: Path, footage: Path, by: Judging) -> dict[str, Any]:
    """What is said of the first second's signature."""
    _, found = put(tmp_path, footage, item(0, 900), judging=by)
    said: dict[str, Any] = found.segments[0]["firma_camara"]
    assert said["veredicto"] == said["firmas"][0]["veredicto"]
    assert said["firmas"][0]["cuadros"] == 2
    return dict(said["firmas"][0])


def test_its_word_is_kept_with_the_lines_that_decided(tmp_path: Path, signing_ring: Path) -> None:
    said = judged(tmp_path, signing_ring, judging(program(tmp_path, WRITES.format(VALID))))
    assert said == {
        "esquema": "onvif", "uuid": str(ONVIF), "cuadros": 2, "veredicto": "authentic", "razon": "valid",
        "validador": "onvif", "dicho": [
            "PUBLIC KEY IS VALID!", "VIDEO IS VALID!", "Number of validated frames: 10",
            "Number of pending frames  : 10",
        ],
    }  # fmt: skip


def test_it_is_shown_the_cut_file_by_a_plain_name_and_nothing_of_ours(
    tmp_path: Path, signing_ring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIOR_STORE", "clickhouse://secret@x")
    tells = (
        "import hashlib\n"
        f"out = open({str(tmp_path / 'told')!r}, 'w')\n"
        "print(sys.argv[1:], hashlib.sha256(open(sys.argv[-1], 'rb').read()).hexdigest(), file=out)\n"
        "print(sorted(os.environ), file=out)\n"
    )
    bag, found = put(
        tmp_path, signing_ring, item(0, 900), judging=judging(program(tmp_path, tells + WRITES.format(VALID)))
    )
    arguments, names = (tmp_path / "told").read_text().splitlines()
    assert arguments == f"['-c', 'h264', 'clip.mp4'] {found.segments[0]['sha256']}"
    assert "CIOR_STORE" not in names
    assert bag.files[found.segments[0]["archivo"]].sha256 == found.segments[0]["sha256"]


STRANGE = {
    "changed": (
        WRITES.format(VALID.replace("VIDEO IS VALID", "VIDEO IS INVALID")),
        "not_authentic",
        "changed",
    ),
    "leaves asked pictures open": (WRITES.format(VALID.replace(": 10", ": 11")), "signed_unknown", "partly"),
    "prints and writes nothing": ("print('VIDEO IS VALID!')\n", "unknown", "no_result"),
    "ends with an error": ("sys.exit(3)\n", "unknown", "failed"),
    "a good word and an error": (WRITES.format(VALID) + "sys.exit(3)\n", "unknown", "failed"),
    "ends by a signal": (WRITES.format(VALID) + "os.abort()\n", "unknown", "failed"),
    "says something new": (WRITES.format("ALL FINE\n"), "unknown", "not_understood"),
    "no text": (
        "open('validation_results.txt', 'wb').write(bytes(range(256)))\n",
        "unknown",
        "not_understood",
    ),
    "a link for a result": ("os.symlink('/etc/passwd', 'validation_results.txt')\n", "unknown", "no_result"),
    "a pipe for a result": ("os.mkfifo('validation_results.txt')\n", "unknown", "not_understood"),
    "a folder for a result": ("os.mkdir('validation_results.txt')\n", "unknown", "no_result"),
    "writes without end": ("while True: os.write(1, bytes(1 << 20))\n", "unknown", "failed"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_whatever_it_does_there_is_a_verdict_and_a_reason(
    tmp_path: Path, signing_ring: Path, case: str
) -> None:
    text, verdict, reason = STRANGE[case]
    said = judged(tmp_path, signing_ring, judging(program(tmp_path, text)))
    assert (said["veredicto"], said["razon"], said["validador"]) == (verdict, reason, "onvif")


def test_one_that_is_not_there_or_is_for_another_scheme_judges_nothing(
    tmp_path: Path, signing_ring: Path
) -> None:
    away = judged(tmp_path / "a", signing_ring, judging(tmp_path / "nobody"))
    assert (away["veredicto"], away["razon"]) == ("unknown", "not_started")
    other = judged(tmp_path / "b", signing_ring, judging(tmp_path / "nobody", rules="axis"))
    assert (other["veredicto"], other["razon"], other["validador"]) == ("unknown", "no_validator", None)
    nobody = judged(tmp_path / "c", signing_ring, Judging())
    assert (nobody["veredicto"], nobody["razon"]) == ("unknown", "no_validator")


HANGS = """
child = os.fork()
if child == 0:
    open({pid!r} + ".new", "w").write(str(os.getpid()))
    os.rename({pid!r} + ".new", {pid!r})
time.sleep(1000)
"""


def gone(pid: int) -> bool:
    """Whether that process has ended; a zombie that nobody reaps has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def until(true: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + PATIENT_S
    while not true():
        assert time.monotonic() < ends_s
        time.sleep(0.05)


def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, signing_ring: Path) -> None:
    pid = tmp_path / "pid"
    command = program(tmp_path, HANGS.format(pid=str(pid)))
    for timeout_s in (1.0, 4.0, 16.0, 64.0):
        by = judging(command, timeout_s=timeout_s)
        said = judged(tmp_path / str(timeout_s), signing_ring, by)
        assert (said["veredicto"], said["razon"]) == ("unknown", "timed_out")
        if pid.is_file():  # else it was ended before it came so far, on a busy machine
            break
    until(lambda: gone(int(pid.read_text())))


LEAVES = """
import pathlib, subprocess
left = subprocess.Popen(["sleep", "600"])
pathlib.Path({pid!r}).write_text(str(left.pid))
"""


def test_law_8_what_one_left_running_ends_with_it(tmp_path: Path, signing_ring: Path) -> None:
    """It could write into the file after that was compared."""
    pid = tmp_path / "pid"
    judged(tmp_path, signing_ring, judging(program(tmp_path, LEAVES.format(pid=str(pid)))))
    until(lambda: gone(int(pid.read_text())))


def test_a_part_that_is_to_end_does_not_wait_for_it(tmp_path: Path, signing_ring: Path) -> None:
    pid = tmp_path / "pid"

    def stop() -> None:
        if pid.is_file():
            raise SourceUnavailable("package.stopping", "the part is to end", cure="x")

    by = judging(program(tmp_path, HANGS.format(pid=str(pid))), timeout_s=600.0, go_on=stop)
    with pytest.raises(SourceUnavailable):
        judged(tmp_path, signing_ring, by)
    until(lambda: gone(int(pid.read_text())))


def test_law_8_one_that_writes_into_the_evidence_stops_the_package(
    tmp_path: Path, signing_ring: Path
) -> None:
    """Through the name that it was given, as a tool that repairs files would."""
    by = judging(program(tmp_path, "open(sys.argv[-1], 'r+b').write(b'x')\n" + WRITES.format(VALID)))
    with pytest.raises(IntegrityBroken) as refusal:
        judged(tmp_path, signing_ring, by)
    assert refusal.value.code == "validator.wrote"
    assert "validator" in refusal.value.cure


def test_rules_and_arguments_of_ones_own(tmp_path: Path, signing_ring: Path) -> None:
    (tmp_path / "propio.toml").write_text(
        'scheme = "onvif"\narguments = ["{file}"]\ncodecs = {h264 = "avc"}\n'
        '[[outcome]]\nverdict = "signed_unknown"\nreason = "key_unproven"\nexit = 4\nlines = ["seen as \\\\w+"]\n'
    )
    command = program(tmp_path, "print('seen as ' + sys.argv[2], flush=True)\nsys.exit(4)\n")
    section = ValidatorSection(
        command=str(command), rules="propio.toml", arguments=("--codec", "{codec}", "{file}")
    )
    said = judged(tmp_path, signing_ring, Judging(Validators([load_validator(section, tmp_path)])))
    assert (said["veredicto"], said["dicho"], said["validador"]) == (
        "signed_unknown",
        ["seen as avc"],
        "propio",
    )
    for wrong in ({"rules": "nada.toml"}, {"rules": "propio.toml", "arguments": ("x",)}):
        with pytest.raises(ConfigInvalid) as refusal:
            load_validator(ValidatorSection(command=str(command), **wrong), tmp_path)
        assert refusal.value.cure


# --- the package ------------------------------------------------------------------------------------------------


def test_a_verdict_against_the_video_stops_nothing_and_stands_everywhere(
    tmp_path: Path, authorities: Authorities
) -> None:
    command = program(tmp_path, WRITES.format(VALID.replace("VIDEO IS VALID", "VIDEO IS INVALID")))
    by = judging(command, rules="axis")
    made = Packing(
        place(tmp_path, authorities, validators=by.validators),
        read(),
        sources(ring(tmp_path / "anillo", draw=drawing(AXIS))),
    ).run()
    rows = [json.loads(line) for line in (made.folder / "bag/meta/segmentos.jsonl").read_bytes().splitlines()]
    assert {row["firma_camara"]["veredicto"] for row in rows} == {"not_authentic"}
    (tool,) = json.loads((made.folder / "bag/meta/herramientas.json").read_bytes())["validadores_de_camara"]
    digest = subprocess.run(["sha256sum", command], capture_output=True, text=True, check=True).stdout[:64]
    assert (tool["nombre"], tool["version"], tool["sha256"]) == ("axis", "25.12.3", digest)
    words = "NO AUTÉNTICO según el validador externo"
    assert words in (made.folder / "LEEME.txt").read_text(encoding="utf-8")
    drawn = subprocess.run(
        ["pdftotext", "-layout", made.folder / "sello/acta.pdf", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Firmas de la cámara" in drawn
    assert "NO AUTÉNTICO" in drawn
    verifier, root = TRAVELLING / "verify.py", authorities.folder / "raiz.pem"
    said = subprocess.run(
        [sys.executable, "-I", verifier, made.folder, "--root", root, "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    found = json.loads(said.stdout)["findings"]
    assert {each["code"] for each in found if each["weight"] == "error"} == set(), found
    assert "camera.notauthentic" in {each["code"] for each in found if each["weight"] == "note"}


def test_a_package_of_cameras_that_do_not_sign_says_nothing_of_it_in_words(
    tmp_path: Path, authorities: Authorities
) -> None:
    made = Packing(
        place(tmp_path, authorities), read(eventos=None, alcance=order()["alcance"]),
        sources(ring(tmp_path / "anillo")),
    ).run()  # fmt: skip
    assert (made.folder / "LEEME.txt").read_bytes() == b"prueba\n"
