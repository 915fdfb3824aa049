"""Validators of camera signatures: programs of others, each run on a cut file in a bounded process, never believed
beyond what its rules say (:mod:`cior_core.camera_signing`). Nothing that one does ends the building: an absent, slow
or strange one leaves the verdict ``unknown``, with the reason.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from cior_core.camera_signing import UUIDS, Codec, Reason, Said, Scheme, Verdict, gravest, said_of
from cior_core.errors import IntegrityBroken
from cior_core.model import Struct
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.bag import sha256_of
from cior_evidence.clips import Clip
from cior_evidence.validator_settings import Validator

log = structlog.get_logger("cior.evidence")
LISTED: Final = "validadores_de_camara"
"""The field of ``herramientas.json``."""
_CLIP: Final = "clip.mp4"
_PRINTED: Final = "printed.txt"
_MOST_RESULT_BYTES: Final = 64 << 10
_MOST_WRITTEN_BYTES: Final = 64 << 20
_TOLD_EVERY_S: Final = 0.5


class Judged(Struct, frozen=True):
    """One scheme's signatures of a file. ``packets``: in how many there is one; ``by``: who said it, if anybody."""

    scheme: Scheme
    packets: int
    said: Said
    by: str | None


class Cut(Struct, frozen=True):
    """A native file as it was taken into the bag."""

    file: Path
    sha256: str
    clip: Clip


class Validators:
    """All that a centre has; of two for one scheme the first counts."""

    def __init__(self, validators: Sequence[Validator] = ()) -> None:
        self._all = tuple(validators)

    def tools(self) -> list[dict[str, Any]]:
        """Their lines of ``herramientas.json``; ``sha256`` is null of a program that is not there."""
        return [
            {
                "nombre": each.name, "esquema": each.rules.scheme, "version": each.version,
                "sha256": _digest(each.command), "reglas_sha256": each.rules_sha256,
            }
            for each in sorted(self._all, key=lambda one: one.name)
        ]  # fmt: skip

    def judge(self, cut: Cut, go_on: Callable[[], None]) -> tuple[Judged, ...]:
        """What is said of each scheme of which it carries signatures. Raises what ``go_on`` does, and
        ``IntegrityBroken`` (``validator.wrote``) when the file is not what it was.
        """
        return tuple(self._judged(cut, scheme, go_on) for scheme in sorted(cut.clip.signed))

    def _judged(self, cut: Cut, scheme: Scheme, go_on: Callable[[], None]) -> Judged:
        packets = cut.clip.signed[scheme]
        found = next((each for each in self._all if each.rules.scheme is scheme), None)
        if found is None:
            return Judged(scheme, packets, Said(Verdict.UNKNOWN, Reason.NO_VALIDATOR), None)
        said = _asked(found, cut, go_on)
        if sha256_of(cut.file) != cut.sha256:
            raise IntegrityBroken(
                "validator.wrote",
                "a validator of camera signatures changed the file that it was to look at",
                cure=f"take {found.command.name} out of the centre file and order the package again",
            )
        log.info("camera_signature_judged", scheme=scheme, verdict=said.verdict, reason=said.reason)
        return Judged(scheme, packets, said, found.name)


def _digest(command: Path) -> str | None:
    try:
        return sha256_of(command)
    except OSError:
        return None


# --- one run ----------------------------------------------------------------------------------------------------


def _asked(validator: Validator, cut: Cut, go_on: Callable[[], None]) -> Said:
    codec = cut.clip.codec
    called = validator.rules.codecs.get(Codec(codec)) if codec in set(Codec) else None
    if called is None:
        return Said(Verdict.UNKNOWN, Reason.NO_VALIDATOR)
    with tempfile.TemporaryDirectory(prefix="cior-validator-") as name:
        folder = Path(name)
        (folder / _CLIP).symlink_to(cut.file.resolve())
        arguments = [each.format(file=_CLIP, codec=called) for each in validator.arguments]
        try:
            code = _run([str(validator.command), *arguments], folder, validator.timeout_s, go_on)
        except OSError as error:
            log.warning("camera_validator_not_started", name=validator.name, why=error.strerror)
            return Said(Verdict.UNKNOWN, Reason.NOT_STARTED)
        if code is None:
            return Said(Verdict.UNKNOWN, Reason.TIMED_OUT)
        told = _result(folder / (validator.rules.result or _PRINTED))
    if told is None:
        return Said(Verdict.UNKNOWN, Reason.FAILED if code else Reason.NO_RESULT)
    return said_of(validator.rules, code, told, spare_frames=cut.clip.spare_frames)


def _run(command: Sequence[str], folder: Path, timeout_s: float, go_on: Callable[[], None]) -> int | None:
    """The exit status; None when it took too long. It and what it started end with this call."""
    with (folder / _PRINTED).open("wb") as printed:
        child = subprocess.Popen(
            command, cwd=folder, env=_surroundings(folder), stdin=subprocess.DEVNULL, stdout=printed,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        _bound(child.pid, timeout_s)
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                return child.wait(min(_TOLD_EVERY_S, max(0.0, until_s - time.monotonic())))
            except subprocess.TimeoutExpired:
                if time.monotonic() >= until_s:
                    return None
                go_on()
    finally:
        # Whether it ended or not: what it left running could write into the evidence after that was looked at again.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _surroundings(folder: Path) -> Mapping[str, str]:
    """Nothing of ours: no secret of the centre is in it. What a program needs beyond that, a script of its own sets."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }


def _bound(pid: int, timeout_s: float) -> None:
    limits = {
        resource.RLIMIT_FSIZE: _MOST_WRITTEN_BYTES,
        resource.RLIMIT_CPU: int(timeout_s) + 1,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        try:
            resource.prlimit(pid, kind, (most, most))
        except ProcessLookupError:
            return


def _result(path: Path) -> list[str] | None:
    """The lines of a plain file that is there; a longer one is cut."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_MOST_RESULT_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return None


# --- what the package says --------------------------------------------------------------------------------------


def told(clip: Clip, judged: Sequence[Judged]) -> dict[str, Any]:
    """``firma_camara`` of a native file's line."""
    return {
        "veredicto": gravest(each.said.verdict for each in judged),
        "gop_agregado_desde": None if clip.spare_ms is None else to_rfc3339(clip.spare_ms),
        "firmas": [
            {
                "esquema": each.scheme, "uuid": UUIDS[each.scheme], "cuadros": each.packets,
                "veredicto": each.said.verdict, "razon": each.said.reason, "validador": each.by,
                "dicho": list(each.said.lines),
            }
            for each in judged
        ],
    }  # fmt: skip
