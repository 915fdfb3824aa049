"""What the Library of Congress's suite calls invalid, we name; what it warns of, we refuse too (conformance.toml)."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cior_evidence import verify
from integration.evidence.authorities import pki
from integration.evidence.package_rig import put, written

MANIFEST = "bag/manifest-sha256.txt"
CASES: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("conformance.toml").read_text(encoding="utf-8")
)["case"]


def do(top: Path, what: dict[str, str]) -> None:
    """The one change that a case asks for."""
    text = what.get("text", "").encode()
    rows = (top / MANIFEST).read_text(encoding="utf-8").splitlines()
    match next(iter(what.items())):
        case "write", path:
            put(top / path, text)
        case "prepend", path:
            put(top / path, text + (top / path).read_bytes())
        case "remove", path:
            (top / path).unlink()
        case "list", path:
            rows += [f"{'a' * 64}  {each}" for each in (path, what.get("also")) if each]
        case "relist", path:
            rows += [row for row in rows if row.endswith(f"  {path}")]
        case "unlist", path:
            rows = [row for row in rows if not row.endswith(f"  {path}")]
        case "starred", path:
            rows = [row.replace(f"  {path}", f" *{path}") for row in rows]
        case other:
            raise AssertionError(other)
    if next(iter(what)) in {"list", "relist", "unlist", "starred"}:
        put(top / MANIFEST, "".join(f"{row}\n" for row in rows).encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_case_of_the_suite_is_named(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = written(tmp_path)
    do(top, case["do"])
    (tmp_path / "raiz.pem").write_bytes(pki().root.pem)
    assert verify.main([str(top), "--root", str(tmp_path / "raiz.pem"), "--json"]) == 1
    codes = {each["code"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert set(case["codes"]) <= codes


def test_each_case_of_the_suite_is_there_once() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names) == 33
