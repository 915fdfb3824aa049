"""What is due is renewed by the part itself, once, whoever else is at it; what cannot be is counted, and how long."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cior_bus.metrics import Metrics
from cior_core.errors import ConfigInvalid, SourceUnavailable
from cior_evidence import metrics as m
from cior_evidence import renewal, verify
from cior_evidence.packing import Package
from cior_evidence.renewal import standing
from cior_evidence.renewing import Renewer
from cior_evidence.seal_settings import SealSettings, load_seal
from cior_evidence.stored_archive import archive
from cior_evidence.time_stamping import Ask, over_http
from doubles.authorities import Authorities, tsa_over_http
from engines.long_runs import often
from integration.evidence.test_evidence_renewals import AT_ONCE, next_second, now_ms, seal_file

DAY_MS = 86_400_000
LIMIT_S = 120
KILLS = often(6, long=200)
_spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def seal(authorities: Authorities, tmp_path: Path) -> Iterator[Path]:
    """A seal file by which everything is due at once, its authority running."""
    with tsa_over_http(authorities) as url:
        yield seal_file(authorities, tmp_path, url=url, more=AT_ONCE)


@pytest.fixture
def out(package: Package, tmp_path: Path) -> Path:
    """A folder with two packages and their ZIPs, which a test may change."""
    made = tmp_path / "out"
    made.mkdir()
    for name in ("sf-a", "sf-b"):
        shutil.copytree(package.folder, made / package.folder.name)
        (made / package.folder.name).rename(made / name)
        archive(made / name, made / f"{name}.zip")
    return made


class Part:
    """The part with a clock that a test moves; ``ask`` may be put between it and its authority."""

    def __init__(self, out: Path, seal: Path) -> None:
        self.ahead_ms, self.metrics, self.seal = 0, Metrics(), seal
        self.asked: Callable[[SealSettings], Ask] = over_http
        self.renewer = Renewer(
            out,
            self.settings,
            self.ask,
            now_ms=self.now_ms,
            metrics=self.metrics,
        )

    def settings(self) -> SealSettings:
        return load_seal(self.seal)

    def ask(self, settings: SealSettings) -> Ask:
        return self.asked(settings)

    def now_ms(self) -> int:
        return now_ms() + self.ahead_ms

    def counted(self) -> dict[str, float]:
        return {
            state: self.metrics.value(m.RENEWALS, state) for state in ("fresh", "due", "late", "unreadable")
        }

    @property
    def overdue_days(self) -> float:
        return self.metrics.value(m.RENEWAL_OVERDUE)


@pytest.fixture
def part(out: Path, seal: Path) -> Part:
    return Part(out, seal)


def renewals(out: Path, seal: Path) -> dict[str, int]:
    settings = load_seal(seal)
    return {each.name: standing(each, settings).renewals for each in renewal.packages_in(out)}


def by_year(seal: Path) -> None:
    """From now on a stamp lasts a year, as in a centre."""
    seal.write_text(seal.read_text().replace(AT_ONCE, ""))


def is_whole(folder: Path, root: Path) -> bool:
    """The folder and its ZIP are believed, and are the same files."""
    with zipfile.ZipFile(renewal.archive_of(folder)) as there:
        named = {name.split("/", 1)[1] for name in there.namelist()}
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return named == here and verify.main([str(folder), "--root", str(root), "--json"]) == 0


def test_what_is_due_is_renewed_once_and_what_is_fresh_is_left(out: Path, seal: Path, part: Part) -> None:
    next_second()
    part.renewer.look()
    assert renewals(out, seal) == {"sf-a": 1, "sf-b": 1}
    assert part.metrics.value(m.RENEWED) == 2
    by_year(seal)
    part.renewer.look()
    assert renewals(out, seal) == {"sf-a": 1, "sf-b": 1}
    assert part.counted() == {"fresh": 2, "due": 0, "late": 0, "unreadable": 0}
    assert part.overdue_days == 0
    assert all(is_whole(out / name, seal.parent / "raiz.pem") for name in ("sf-a", "sf-b"))


def test_while_the_authority_is_away_it_counts_for_how_long_and_then_does_it(
    out: Path, seal: Path, part: Part
) -> None:
    asked: list[bytes] = []

    def away(_settings: SealSettings) -> Ask:
        def ask(query: bytes) -> bytes:
            asked.append(query)
            raise SourceUnavailable("seal.tsa_away", "no answer", cure="wait")

        return ask

    part.asked = away
    with pytest.raises(SourceUnavailable, match=r"seal\.tsa_away"):
        part.renewer.look()
    assert len(asked) == 1, "one package is enough to know that it is away"
    assert part.counted() == {"fresh": 0, "due": 2, "late": 0, "unreadable": 0}
    assert 0 <= part.overdue_days < 1
    part.ahead_ms = 9 * DAY_MS
    assert 9 <= part.overdue_days < 10, "it grows while nobody looks"
    part.ahead_ms, part.asked = 0, over_http
    next_second()
    part.renewer.look()
    by_year(seal)
    part.renewer.look()
    assert (part.overdue_days, part.counted()["fresh"]) == (0, 2)


def test_a_seal_file_that_cannot_be_read_is_said_and_a_corrected_one_counts(
    out: Path, seal: Path, part: Part
) -> None:
    whole = seal.read_text()
    seal.write_text("nothing = 1\n")
    with pytest.raises(ConfigInvalid):
        part.renewer.look()
    seal.write_text(whole)
    next_second()
    part.renewer.look()
    assert renewals(out, seal) == {"sf-a": 1, "sf-b": 1}


def test_law_8_a_broken_package_is_not_renewed_nor_read_again_each_hour_and_the_others_are(
    out: Path, seal: Path, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    (out / "sf-a/bag/data/nativo/cam-7/0001.mp4").write_bytes(b"another film")
    next_second()
    part.renewer.look()
    assert renewals(out, seal) == {"sf-a": 0, "sf-b": 1}
    verified: list[str] = []
    monkeypatch.setattr(renewal, "_refuse_broken", lambda folder, _settings: verified.append(folder.name))
    next_second()
    part.renewer.look()
    assert verified == ["sf-b"], "its payload was read an hour ago"
    by_year(seal)
    part.renewer.look()
    assert part.overdue_days == 0, "by the year it is fresh"
    (out / "sf-a/sello/tagmanifest.p7s.tsr").write_bytes(b"no stamp")
    part.renewer.look()
    assert part.counted() == {"fresh": 1, "due": 0, "late": 0, "unreadable": 1}


def test_one_whose_certificate_ended_is_counted_and_not_touched(out: Path, seal: Path, part: Part) -> None:
    part.ahead_ms = standing(out / "sf-a", load_seal(seal)).ends_ms - now_ms() + DAY_MS
    part.renewer.look()
    assert part.counted() == {"fresh": 0, "due": 0, "late": 2, "unreadable": 0}
    assert renewals(out, seal) == {"sf-a": 0, "sf-b": 0}
    assert part.overdue_days > 1


def test_a_renewal_by_hand_meanwhile_is_not_made_twice(out: Path, seal: Path, part: Part) -> None:
    """The part looked; before it asks for its stamp somebody renews both by the command."""
    settings = load_seal(seal)
    found = {name: standing(out / name, settings) for name in ("sf-a", "sf-b")}
    next_second()
    for each in found.values():
        renewal.renew(each, settings, over_http(settings), now_ms=now_ms())

    def never(_query: bytes) -> bytes:
        raise AssertionError("a second stamp was asked for")

    for each in found.values():
        assert renewal.renew(each, settings, never, now_ms=now_ms()).renewals == 1
    assert renewals(out, seal) == {"sf-a": 1, "sf-b": 1}


def test_what_somebody_else_is_at_is_left_and_the_others_are_renewed(
    out: Path, seal: Path, part: Part
) -> None:
    next_second()
    with renewal._alone(out / "sf-a"):
        part.renewer.look()
    assert renewals(out, seal) == {"sf-a": 0, "sf-b": 1}
    assert part.counted()["due"] >= 1


def look_in_a_process(out: str, seal: str) -> None:
    """The part, to be killed."""
    Part(Path(out), Path(seal)).renewer.look()


@pytest.mark.crash
@pytest.mark.long
@pytest.mark.timeout(KILLS * 15 + 120)
def test_law_15_killed_anywhere_a_renewal_is_there_whole_or_not_at_all(
    out: Path, seal: Path, part: Part
) -> None:
    """Each kill a little later than the one before, until one run ended before it; then a look mends what is left."""
    root, wait_s = seal.parent / "raiz.pem", 0.4
    for _ in range(KILLS):
        before = renewals(out, seal)
        process = _spawn.Process(target=look_in_a_process, args=(str(out), str(seal)))
        process.start()
        process.join(wait_s)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join(LIMIT_S)
        wait_s += 0.35
        for name, count in renewals(out, seal).items():
            assert count - before[name] in (0, 1)
            assert verify.main([str(out / name), "--root", str(root), "--json"]) == 0
    next_second()
    part.renewer.look()
    by_year(seal)
    Part(out, seal).renewer.look()
    assert all(is_whole(out / name, root) for name in ("sf-a", "sf-b"))
    assert all(renewals(out, seal).values())
