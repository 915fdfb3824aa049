"""Parts make their signing keys when they first need one, several at the same moment when a centre starts."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from cior_bus.signers import open_signer
from cior_bus.signing import RING, read_ring
from cior_core import bundled
from cior_core.signatures import signing_parts


def made(folder: Path, part: str) -> None:
    open_signer(folder, part)


def test_of_parts_that_make_their_keys_at_once_none_is_missing_in_the_ring(tmp_path: Path) -> None:
    parts = sorted(signing_parts(bundled.text("signers.toml"))) * 3
    context = multiprocessing.get_context("fork")
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        processes = [context.Process(target=made, args=(folder, part)) for part in parts]
        for each in processes:
            each.start()
        for each in processes:
            each.join(60)
        keys = read_ring(folder / RING).keys
        assert {each.signer for each in keys} == set(parts)
        assert [each.signer for each in keys if each.recalls and each.until_ms is None] == ["sink"]
        assert all(bool(each.kinds) != each.recalls for each in keys)
