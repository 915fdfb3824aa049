"""A package too large for one ZIP: several, each sound alone, verified together or unpacked in one place; what is
missing, given twice, of another package or put together otherwise is named.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cior_evidence import renewal, stored_archive, verify
from cior_evidence.packing import Package
from cior_evidence.renewal import standing
from cior_evidence.seal_settings import load_seal
from cior_evidence.stored_archive import archives, parts_of, plan
from cior_evidence.time_stamping import over_http
from cior_evidence.verifier.findings import Report
from cior_evidence.verifier.stored_zip import StoredZip
from doubles.authorities import Authorities, tsa_over_http
from doubles.packages import small_package
from engines.long_runs import LONG
from integration.evidence.test_evidence_renewals import AT_ONCE, next_second, now_ms, seal_file

PART_BYTES = 3_000


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """Elliptic keys, which are quick."""
    return Authorities(tmp_path_factory.mktemp("autoridades"), is_elliptic=True)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory, quick: Authorities) -> Package:
    """A sealed package of several parts. Read only."""
    return small_package(tmp_path_factory.mktemp("partes"), quick, split={"part_bytes": PART_BYTES})


def zips(package: Package) -> list[Path]:
    return archives(package.archive, len(parts_of(package.folder)))


def verified(quick: Authorities, *paths: Path) -> tuple[int, set[str], list[dict[str, str]]]:
    """By the program that travels, in a process of its own: exit code, codes that are no notes, all findings."""
    program = Path(verify.__file__)
    ran = subprocess.run(
        [sys.executable, "-I", "-S", program, *paths, "--root", quick.folder / "raiz.pem", "--json"],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr.decode()
    found = json.loads(ran.stdout)["findings"]
    return ran.returncode, {each["code"] for each in found if each["weight"] != "note"}, found


def test_each_part_is_a_sound_zip_of_whole_files_and_no_larger_than_it_may_be(split: Package) -> None:
    paths = zips(split)
    assert len(paths) >= 3
    assert [path.name for path in paths[:2]] == [
        split.archive.name, f"{split.archive.stem}.parte-02-de-{len(paths):02d}.zip",
    ]  # fmt: skip
    seen: list[str] = []
    for path in paths:
        report = Report()
        inside = StoredZip(str(path), report)
        assert report.findings == []
        seen += inside.sizes
        payload = {name: size for name, size in inside.sizes.items() if name.startswith("bag/data/")}
        assert bool(payload) is (path != paths[0])
        assert sum(payload.values()) <= PART_BYTES or len(payload) == 1, "a larger file is a part of its own"
    assert len(seen) == len(set(seen)), "no file is in two parts"
    here = {path.relative_to(split.folder).as_posix() for path in split.folder.rglob("*") if path.is_file()}
    assert set(seen) == here


def test_the_parts_together_verify_in_any_order_and_so_they_do_unpacked_in_one_place(
    split: Package, quick: Authorities, tmp_path: Path
) -> None:
    paths = zips(split)
    assert verified(quick, *paths)[:2] == (0, set())
    assert verified(quick, *reversed(paths))[:2] == (0, set())
    for path in paths:
        with zipfile.ZipFile(path) as packed:
            packed.extractall(tmp_path)
    assert verified(quick, tmp_path / split.folder.name)[:2] == (0, set())


def test_a_part_that_is_missing_is_named_by_its_number(split: Package, quick: Authorities) -> None:
    paths = zips(split)
    code, codes, found = verified(quick, *paths[:1], *paths[2:])
    assert code == 1
    assert {"part.missing", "file.missing"} <= codes
    assert [each["path"] for each in found if each["code"] == "part.missing"] == [f"2/{len(paths)}"]
    code, codes, found = verified(quick, paths[0])
    assert len([each for each in found if each["code"] == "part.missing"]) == len(paths) - 1


def test_one_part_in_the_place_of_another_is_named(
    split: Package, quick: Authorities, tmp_path: Path
) -> None:
    paths = zips(split)
    swapped = tmp_path / paths[2].name
    shutil.copy(paths[1], swapped)
    code, codes, found = verified(quick, *paths[:2], swapped, *paths[3:])
    assert code == 1
    assert {"part.twice", "part.missing"} <= codes
    assert {each["path"] for each in found if each["code"] == "part.twice"} == {swapped.name}


def test_a_part_of_another_package_is_named(split: Package, quick: Authorities, tmp_path: Path) -> None:
    paths = zips(split)
    foreign = tmp_path / paths[1].name
    with zipfile.ZipFile(paths[1]) as packed, zipfile.ZipFile(foreign, "w") as made:
        for name in packed.namelist():
            made.writestr(f"otro/{name.partition('/')[2]}", packed.read(name))
    code, codes, found = verified(quick, paths[0], foreign, *paths[2:])
    assert code == 1
    assert {"part.foreign", "part.missing"} <= codes
    assert [each["path"] for each in found if each["code"] == "part.foreign"] == [foreign.name]


def test_law_8_a_part_that_was_changed_or_made_anew_otherwise_is_named(
    split: Package, quick: Authorities, tmp_path: Path
) -> None:
    paths = zips(split)
    changed = tmp_path / paths[1].name
    with zipfile.ZipFile(paths[1]) as packed, zipfile.ZipFile(changed, "w") as made:
        for name in packed.namelist():
            made.writestr(name, packed.read(name)[:-1] + b"!")
    assert "file.changed" in verified(quick, paths[0], changed, *paths[2:])[1]
    mixed = tmp_path / "todo.zip"
    with zipfile.ZipFile(mixed, "w") as made:
        for path in paths[1:]:
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    made.writestr(name, packed.read(name))
    assert verified(quick, paths[0], mixed)[1] == {"part.mixed"}, (
        "nothing is changed, and it is none of the parts"
    )


def test_law_15_the_list_of_parts_is_under_the_seal(
    split: Package, quick: Authorities, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(split.folder, tmp_path / split.folder.name))
    listed = copy / "bag" / stored_archive.LIST
    listed.write_bytes(listed.read_bytes().replace(b"[[],", b"[", 1))
    assert "tag.changed" in verified(quick, copy)[1]
    listed.unlink()
    assert "file.missing" in verified(quick, copy)[1]


def test_what_fits_into_one_zip_is_one_and_says_nothing_of_parts(tmp_path: Path, quick: Authorities) -> None:
    made = small_package(tmp_path, quick, split={"part_bytes": 1 << 30})
    assert parts_of(made.folder) == ()
    assert archives(made.archive, 0) == [made.archive]
    assert not list(made.archive.parent.glob("*.parte-*"))
    assert verified(quick, made.archive)[:2] == (0, set())


def test_a_renewal_writes_the_first_part_alone(split: Package, quick: Authorities, tmp_path: Path) -> None:
    for each in zips(split):
        shutil.copy(each, tmp_path)
    copy = Path(shutil.copytree(split.folder, tmp_path / split.folder.name))
    moved = [tmp_path / each.name for each in zips(split)]
    before = [(each.read_bytes(), each.stat().st_mtime_ns) for each in moved]
    with tsa_over_http(quick) as url:
        (tmp_path / "sello").mkdir()
        settings = load_seal(seal_file(quick, tmp_path / "sello", url=url, more=AT_ONCE))
        next_second()
        renewal.renew(standing(copy, settings), settings, over_http(settings), now_ms=now_ms())
    after = [(each.read_bytes(), each.stat().st_mtime_ns) for each in moved]
    assert after[0] != before[0]
    assert after[1:] == before[1:]
    assert verified(quick, *moved)[:2] == (0, set())


def test_the_plan_hands_out_each_file_once_in_order_and_keeps_to_the_size() -> None:
    sizes = {f"data/{n:03d}": 10 + n for n in range(50)} | {"data/large": 1_000}
    parts = plan(sizes, 100)
    told = [path for part in parts for path in part]
    assert told == sorted(sizes)
    assert parts[0] == ()
    assert all(len(part) == 1 or sum(sizes[path] for path in part) <= 100 for part in parts[1:])
    assert plan(sizes, sum(sizes.values())) == ()
    assert plan(sizes, 0) == ()


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="writes 4.5 GiB: make long")
def test_a_part_of_more_than_four_gibibytes_is_a_zip64_that_the_precheck_takes(tmp_path: Path) -> None:
    folder = tmp_path / "grande"
    (folder / "bag/data").mkdir(parents=True)
    with (folder / "bag/data/hueco.mp4").open("wb") as sparse:
        sparse.truncate((4 << 30) + 12_345)
    stored_archive.archive(folder, tmp_path / "grande.zip")
    report = Report()
    inside = StoredZip(str(tmp_path / "grande.zip"), report)
    assert report.findings == []
    assert inside.sizes == {"bag/data/hueco.mp4": (4 << 30) + 12_345}
    assert sum(map(len, inside.slices("bag/data/hueco.mp4"))) == (4 << 30) + 12_345
