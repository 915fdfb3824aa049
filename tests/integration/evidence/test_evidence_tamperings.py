"""Whatever is done to a package is named by its code; what nothing was done to passes (docs/evidence-tamperings.md)."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cior_evidence import verify
from cior_evidence.verifier import build, sentences
from integration.evidence.authorities import SEALED_AT, pki
from integration.evidence.package_rig import TRAVELLING, ledger_key, sha, written
from integration.evidence.tampering import TAMPERINGS, Outside

TABLE: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("tamperings.toml").read_text(encoding="utf-8")
)
EXITS = {"error": 1, "unproven": 2, "note": 0}
OLDEST = (3, 8)
OTHER_PYTHONS = ("3.8", "3.9", "3.10", "3.12", "3.13")


def told(path: Path, folder: Path, outside: Outside | None = None) -> list[str]:
    """The command line with all that a careful reader brings along."""
    brought = outside or Outside()
    (folder / "raiz.pem").write_bytes(pki().root.pem)
    (folder / "guardado.txt").write_bytes(brought.kept)
    more = ["--kept", str(folder / "guardado.txt")] if brought.kept else []
    more += ["--digest", brought.digest] if brought.digest else []
    more += ["--at", brought.at] if brought.at else []
    return [str(path), "--root", str(folder / "raiz.pem"), "--ledger-key", ledger_key(), "--json", *more]


def test_every_tampering_has_a_row_and_every_row_a_tampering() -> None:
    assert set(TABLE) == set(TAMPERINGS)
    numbers = [str(row["number"]) for row in TABLE.values()]
    assert {str(number) for number in range(1, 79)} | {f"Z{number}" for number in range(1, 6)} <= set(numbers)


@pytest.mark.parametrize("name", TABLE)
def test_a_tampering_is_named(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = TABLE[name]
    weight = row.get("weight", "error")
    path, outside = TAMPERINGS[name](tmp_path / "paquete")
    before = _listing(tmp_path)
    left = verify.main(told(path, tmp_path, outside))
    said = json.loads(capsys.readouterr().out)
    found = {each["code"] for each in said["findings"] if each["weight"] == weight}
    assert set(row["codes"]) <= found
    assert left == said["exit"] == (EXITS[weight] if row["codes"] else 0)
    assert _listing(tmp_path) - before <= {"raiz.pem", "guardado.txt"}, "a verifier writes nothing"


def _listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name != "__pycache__"}


def test_the_travelling_file_is_made_of_its_parts() -> None:
    stale = [path.name for path, text in build.files().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run: python -m cior_evidence.verifier.build"


def test_every_code_has_a_step_a_weight_and_two_sentences() -> None:
    for code, (step, weight, spanish, english) in sentences.SENTENCES.items():
        assert step in sentences.STEPS, code
        assert weight in EXITS, code
        assert (spanish[-1], english[-1]) == (".", "."), code


def test_every_code_that_is_said_anywhere_is_in_the_table_of_sentences() -> None:
    tree = ast.parse((TRAVELLING / "verify.py").read_text(encoding="utf-8"))
    said = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and _name(node.func) in {"say", "say_here", "BadZip", "NotStrict"}
    }
    assert len(said) > 70
    assert said <= set(sentences.SENTENCES)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_it_imports_the_standard_library_alone_and_is_python_3_8() -> None:
    text = (TRAVELLING / "verify.py").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=OLDEST)
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert {each.split(".")[0] for each in modules} <= set(sys.stdlib_module_names)
    newer = {
        "removeprefix",
        "removesuffix",
        "pairwise",
        "bit_count",
        "UTC",
        "isdisjoint_all",
        "batched",
        "file_digest",
    }
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not newer & used
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "strict"]


def _other_python(version: str) -> str | None:
    """That interpreter, on the path or where pyenv keeps its own."""
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(kept.glob(f"{version}.*/bin/python"))
    if found:
        return str(found[-1])
    named = shutil.which(f"python{version}")
    return (
        named
        if named and subprocess.run([named, "-V"], capture_output=True, check=False).returncode == 0
        else None
    )


@pytest.mark.parametrize("version", OTHER_PYTHONS)
def test_an_old_and_a_new_python_say_the_same(version: str, tmp_path: Path) -> None:
    python = _other_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not on this machine; its syntax is checked all the same")
    for name in ("control", "bit_in_video", "custody_tail_dropped", "json_bottomless"):
        path, outside = TAMPERINGS[name](tmp_path / name)
        program = [python, "-I", str(TRAVELLING / "verify.py"), *told(path, tmp_path, outside)]
        run = subprocess.run(
            program, capture_output=True, text=True, check=False, timeout=100, encoding="utf-8"
        )
        assert run.stderr == ""
        codes = {each["code"] for each in json.loads(run.stdout)["findings"]}
        assert set(TABLE[name]["codes"]) <= codes
        assert run.returncode == (1 if TABLE[name]["codes"] else 0), run.stdout


def test_without_a_root_from_outside_nothing_is_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main([str(written(tmp_path))]) == 2
    said = capsys.readouterr().out
    assert "SIN PROBAR] cert.noroot" in said
    assert said.rstrip().endswith("(vea SIN PROBAR).")


def test_it_says_where_nothing_is_and_what_a_file_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main([str(tmp_path / "nada")]) == 2
    assert "nada" in capsys.readouterr().err
    (tmp_path / "raiz.pem").write_text("x")
    assert verify.main([str(tmp_path), "--root", str(tmp_path / "raiz.pem")]) == 2
    assert "raiz.pem" in capsys.readouterr().err
    (tmp_path / "vacía").mkdir()
    assert verify.main([str(tmp_path / "vacía")]) == 1
    assert "pkg.empty" in capsys.readouterr().out


def test_both_languages_tell_the_same_and_a_name_gives_no_orders_to_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = written(tmp_path)
    (top / "bag/data/\x1b[2Jx").write_bytes(b"")
    told_es = verify.main([str(top)]), capsys.readouterr().out
    told_en = verify.main([str(top), "--lang", "en"]), capsys.readouterr().out
    assert told_es[0] == told_en[0] == 1
    assert "\x1b" not in told_es[1] + told_en[1]
    assert "[MAL] file.extra bag/data/\\u001b[2Jx" in told_es[1]
    assert "[WRONG] file.extra bag/data/\\u001b[2Jx" in told_en[1]


def test_openssl_and_sha256sum_agree_on_the_sound_package(tmp_path: Path) -> None:
    """The three commands of docs/perito.md, as they stand there."""
    top = written(tmp_path)
    (tmp_path / "raiz.pem").write_bytes(pki().root.pem)
    page = (TRAVELLING.parent.parent / "docs" / "perito.md").read_text(encoding="utf-8")
    script = page.split("<!-- a mano -->")[1].split("```")[1].removeprefix("sh\n")
    assert script.count("openssl") >= 2
    after = f"export SELLADO={int(SEALED_AT.timestamp()) + 2}\n"
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", after + script],
        cwd=top, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\nVerification: OK\n" in run.stdout
    checked = run.stdout.count(": OK") - 1
    assert checked == len([path for path in (top / "bag").rglob("*") if path.is_file()]) - 1


def test_the_digest_that_it_tells_is_that_of_sha256sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = written(tmp_path)
    verify.main(told(top, tmp_path))
    facts = json.loads(capsys.readouterr().out)["facts"]
    assert facts["tagmanifest-sha256"] == sha((top / "bag/tagmanifest-sha256.txt").read_bytes())
    assert facts["sellado"] == "2026-11-20T15:00:02Z"
