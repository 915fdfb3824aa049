"""The root of a day: published once, chained, and one record of it proven to a stranger with verify.py alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cior.cli import main
from cior_bus.centre import load
from cior_core import integrity
from cior_core.centre_file import Centre
from cior_core.daily_root import Record, RecordKind
from cior_core.errors import IntegrityBroken, PayloadRejected
from cior_core.people import LedgerEntry
from cior_evidence import verify
from cior_evidence.daily_part import publish, roots_of, sources_of
from cior_evidence.daily_roots import RECORDS, STAMP, DailyRoots, package_record
from cior_evidence.folders import ledger_folder
from cior_register import ledger
from cior_register.place import register_dsn
from cior_register.register import Register
from doubles.authorities import Authorities, tsa_over_http

DAY_MS = 86_400_000
NOON_MS = round(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)
NEXT_MS = NOON_MS + DAY_MS
"""Of the day after: the root of the first day is due."""


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    (tmp_path / "centre.toml").write_text('[centre]\nname = "Rosario"\n', encoding="utf-8")
    return load(tmp_path / "centre.toml", tmp_path / "data")


def noted(register: Register, subject: str, *, at_ms: int = NOON_MS) -> None:
    entry = LedgerEntry(at_ms=at_ms, actor="p-ana", act="alert.read", subject=subject)
    register.submit(entry, lambda _connection: None).result(60)


def with_packages(centre: Centre, *names: str) -> None:
    folder = ledger_folder(centre)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "paquetes.jsonl").open("a") as file:
        file.writelines(f'{{"hoja":"{name * 8}","paquete":"{name}"}}\n' for name in names)


def proven(roots: DailyRoots, register: Register, seq: int) -> tuple[Path, dict[str, Any]]:
    content = register.read_now(partial(ledger.entry_bytes, seq=seq))
    assert content is not None
    return roots.inclusion(RecordKind.ACCESS, seq, content)


def said(
    folder: Path, made: dict[str, Any], page: str, capsys: pytest.CaptureFixture[str], *, key: str = ""
) -> tuple[int, set[str], dict[str, str]]:
    """What verify.py says, given the proof and the published page, in a folder where nothing else is."""
    folder.mkdir(exist_ok=True)
    (folder / "prueba.json").write_text(json.dumps(made))
    (folder / "raiz.txt").write_text(page)
    more = ["--ledger-key", key] if key else []
    left = verify.main(
        ["--inclusion", str(folder / "prueba.json"), "--root-note", str(folder / "raiz.txt"), "--json", *more]
    )
    told = json.loads(capsys.readouterr().out)
    return left, {each["code"] for each in told["findings"]}, told["facts"]


def test_one_record_is_proven_with_the_record_the_proof_and_three_printed_lines(
    centre: Centre, register: Register, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 8):
        noted(register, f"alert-{number}")
    with_packages(centre, "SF-1", "SF-2")
    publish(centre, register, now_ms=NEXT_MS)
    roots = roots_of(centre)
    page, made = proven(roots, register, 3)
    printed = "".join(page.read_text().splitlines(keepends=True)[:3])
    assert printed.splitlines()[:2] == ["cior/rosario/daily/2026-11-20", "9"]
    left, codes, facts = said(tmp_path / "juzgado", made, printed, capsys)
    assert (left, codes) == (0, {"inclusion.unsigned"})
    assert json.loads(facts["registro"])["subject"] == "alert-3"
    assert "alert-2" not in json.dumps(made), "it tells of nothing else"
    key = (page.parent / "clave.pub").read_text().strip()
    assert said(tmp_path / "juzgado", made, page.read_text(), capsys, key=key)[:2] == (0, set())
    number, line = package_record(ledger_folder(centre), "SF-2")
    _, made = roots.inclusion(RecordKind.PACKAGE, number, line)
    assert said(tmp_path / "juzgado", made, printed, capsys)[0] == 0


TOUCHED: tuple[tuple[str, object, str], ...] = (
    ("registro", "{}", "inclusion.root"),
    ("nonce", "0" * 32, "inclusion.root"),
    ("numero", 4, "inclusion.root"),
    ("tipo", "paquete", "inclusion.root"),
    ("indice", 0, "inclusion.root"),
    ("tamano", 8, "inclusion.root"),
    ("dia", "2026-11-21", "inclusion.day"),
    ("prueba", ["00" * 32], "inclusion.root"),
    ("prueba", ["zz"], "inclusion.malformed"),
    ("nonce", "corto", "inclusion.malformed"),
    ("tamano", True, "inclusion.malformed"),
)


def test_law_13_a_proof_that_was_touched_is_named(
    centre: Centre, register: Register, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 8):
        noted(register, f"alert-{number}")
    publish(centre, register, now_ms=NEXT_MS)
    page, made = proven(roots_of(centre), register, 3)
    assert said(tmp_path / "juzgado", made, page.read_text(), capsys)[0] == 0
    for field, value, code in TOUCHED:
        assert made[field] != value
        left, codes, _ = said(tmp_path / "juzgado", {**made, field: value}, page.read_text(), capsys)
        assert (left, code in codes) == (1, True), (field, value, codes)


def test_a_page_signed_by_another_key_and_a_page_that_is_none_are_named(
    centre: Centre, register: Register, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted(register, "alert-1")
    publish(centre, register, now_ms=NEXT_MS)
    page, made = proven(roots_of(centre), register, 1)
    (tmp_path / "otro.toml").write_text('[centre]\nname = "Rosario"\n', encoding="utf-8")
    other = load(tmp_path / "otro.toml", tmp_path / "otro")
    roots_of(other)
    key = (tmp_path / "otro/checkpoints/daily/clave.pub").read_text().strip()
    assert said(tmp_path / "j", made, page.read_text(), capsys, key=key)[:2] == (1, {"inclusion.signature"})
    assert said(tmp_path / "j", made, "nada\n", capsys)[:2] == (1, {"inclusion.page"})


def test_a_page_stands_once_and_each_holds_the_one_before_and_what_came_since(
    centre: Centre, register: Register
) -> None:
    noted(register, "alert-1")
    publish(centre, register, now_ms=NEXT_MS)
    roots = roots_of(centre)
    (first,) = roots.pages()
    before = first.read_bytes()
    noted(register, "alert-2")
    publish(centre, register, now_ms=NEXT_MS + 1000)
    assert (roots.pages(), first.read_bytes()) == ([first], before)
    noted(register, "alert-3", at_ms=NEXT_MS)
    publish(centre, register, now_ms=NEXT_MS + 3 * DAY_MS)
    assert [each.stem for each in roots.pages()] == ["2026-11-20", "2026-11-23"], "the machine stood still"
    kept = [Record.of_line(line) for line in roots.pages()[1].with_suffix(RECORDS).read_text().splitlines()]
    assert kept[0] == Record(RecordKind.BEFORE, 1, integrity.digest(before))
    assert [(each.kind, each.number) for each in kept[1:]] == [(RecordKind.ACCESS, 2), (RecordKind.ACCESS, 3)]


def test_a_record_that_was_changed_since_is_not_proven(centre: Centre, register: Register) -> None:
    noted(register, "alert-1")
    publish(centre, register, now_ms=NEXT_MS)
    with pytest.raises(PayloadRejected, match=r"daily\.record"):
        roots_of(centre).inclusion(RecordKind.ACCESS, 1, b"{}")
    with pytest.raises(PayloadRejected, match=r"daily\.not_yet"):
        roots_of(centre).inclusion(RecordKind.ACCESS, 2, b"{}")


def test_a_page_whose_records_are_gone_is_followed_by_none(centre: Centre, register: Register) -> None:
    noted(register, "alert-1")
    publish(centre, register, now_ms=NEXT_MS)
    (page,) = roots_of(centre).pages()
    page.with_suffix(RECORDS).unlink()
    with pytest.raises(IntegrityBroken, match=r"daily\.unreadable"):
        publish(centre, register, now_ms=NEXT_MS + DAY_MS)


def test_equal_records_have_other_leaves_in_another_place_and_on_another_day(
    centre: Centre, register: Register
) -> None:
    """What is in a proof beside a leaf tells nothing to who guesses words: there is a nonce in each."""
    with_packages(centre, "SF-1", "SF-1")
    publish(centre, register, now_ms=NEXT_MS)
    lines = ledger_folder(centre).joinpath("paquetes.jsonl").read_bytes().splitlines()
    made = [roots_of(centre).inclusion(RecordKind.PACKAGE, number, lines[0])[1] for number in (1, 2)]
    assert lines[0] == lines[1]
    assert made[0]["registro"] == made[1]["registro"]
    assert made[0]["nonce"] != made[1]["nonce"]


def test_nothing_at_all_makes_no_page(centre: Centre, register: Register) -> None:
    assert roots_of(centre).publish(sources_of(centre, register), now_ms=NEXT_MS) is None
    assert roots_of(centre).pages() == []


def test_with_a_seals_file_the_page_is_stamped_and_openssl_believes_it(
    register: Register, tmp_path: Path
) -> None:
    authorities = Authorities(tmp_path / "autoridades")
    with tsa_over_http(authorities) as url:
        authorities.seal_file(tsa_url=url)
        (tmp_path / "centre.toml").write_text(
            '[centre]\nname = "Rosario"\n[evidence]\nseal = "autoridades/sello.toml"\n', encoding="utf-8"
        )
        centre = load(tmp_path / "centre.toml", tmp_path / "data")
        noted(register, "alert-1")
        publish(centre, register, now_ms=NEXT_MS)
    (page,) = roots_of(centre).pages()
    checked = subprocess.run(
        ["openssl", "ts", "-verify", "-data", page, "-in", page.with_suffix(STAMP),
         "-CAfile", authorities.folder / "raiz.pem", "-untrusted", authorities.folder / "intermedia.pem"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    shutil.rmtree(page.parent)


def test_the_commands_print_the_three_lines_and_prove_a_record_to_who_has_nothing_else(
    centre: Centre, tmp_path: Path
) -> None:
    """As a clerk does it, and then a stranger with ``python -I verify.py`` in an empty folder."""
    register = Register.open(register_dsn(centre))
    noted(register, "alert-1")
    noted(register, "alert-2")
    publish(centre, register, now_ms=NEXT_MS)
    register.close()
    where = ["--config", str(tmp_path / "centre.toml"), "--data", str(tmp_path / "data")]
    run = CliRunner().invoke(main, ["evidence", "root", *where])
    assert run.exit_code == 0, run.output
    stranger = tmp_path / "ajeno"
    stranger.mkdir()
    (stranger / "boletin.txt").write_text(run.stdout)
    assert len(run.stdout.splitlines()) == 3
    out = stranger / "prueba.json"
    run = CliRunner().invoke(main, ["evidence", "inclusion", *where, "--access", "2", "--out", str(out)])
    assert run.exit_code == 0, run.output
    told = subprocess.run(
        [sys.executable, "-I", verify.__file__, "--inclusion", out.name, "--root-note", "boletin.txt"],
        cwd=stranger, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert '"subject":"alert-2"' in told.stdout
    assert "Certificado" not in told.stdout, "steps that were not taken are not told as sound"
    for wrong in (["--access", "9"], ["--package", "SF-9"], []):
        assert (
            CliRunner().invoke(main, ["evidence", "inclusion", *where, *wrong, "--out", str(out)]).exit_code
        )


@settings(max_examples=200)
@given(st.binary(max_size=400), st.binary(max_size=200))
def test_whatever_is_given_it_says_what_is_wrong_and_does_not_fall(proof: bytes, page: bytes) -> None:
    assert verify.check_inclusion(proof, page, None).exit_code in {0, 1}
