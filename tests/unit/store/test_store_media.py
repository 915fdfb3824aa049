"""Media objects: named by content, written once, whole or not at all; in a folder and in any fsspec file system."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from cior_core.errors import ConfigInvalid, IntegrityBroken, PayloadRejected, SourceUnavailable
from cior_store.media import FolderMedia, MediaStore, open_media

CLIP = bytes(range(256)) * 300


@pytest.fixture(params=["folder", "object"])
def media(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    return open_media(
        str(tmp_path) if request.param == "folder" else f"memory://bucket-{tmp_path.name}/media"
    )


def test_law_8_what_was_put_comes_back_to_the_byte(media: MediaStore) -> None:
    stored = media.put(CLIP)
    assert stored.sha256 == hashlib.sha256(CLIP).hexdigest()
    assert stored.size_bytes == len(CLIP)
    assert media.get(stored.sha256) == CLIP
    assert media.verify(stored.sha256) == stored
    assert list(media.list()) == [stored]


def test_putting_the_same_bytes_again_is_the_same_object(media: MediaStore) -> None:
    assert media.put(CLIP) == media.put(CLIP)
    assert len(list(media.list())) == 1


def test_bytes_other_than_announced_are_refused(media: MediaStore) -> None:
    with pytest.raises(PayloadRejected, match=r"media\.digest"):
        media.put(CLIP, expect="0" * 64)
    assert list(media.list()) == []


def test_what_is_absent_is_said_to_be_absent(media: MediaStore) -> None:
    assert not media.exists("a" * 64)
    with pytest.raises(PayloadRejected, match=r"media\.absent"):
        media.get("a" * 64)


@pytest.mark.parametrize("key", ["../../etc/passwd", "A" * 64, "ab", ""])
def test_a_key_that_is_no_digest_is_refused(media: MediaStore, key: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"media\.key"):
        media.exists(key)


def test_law_8_an_object_changed_on_disk_is_found_and_never_overwritten(tmp_path: Path) -> None:
    store = FolderMedia(tmp_path)
    stored = store.put(CLIP)
    path = tmp_path / "sha256" / stored.sha256[:2] / stored.sha256
    path.chmod(0o640)
    path.write_bytes(CLIP[:-1] + b"!")
    for use in (
        lambda: store.get(stored.sha256),
        lambda: store.verify(stored.sha256),
        lambda: store.put(CLIP),
    ):
        with pytest.raises(IntegrityBroken, match=r"media\.changed"):
            use()
    assert path.read_bytes().endswith(b"!")


def test_a_write_cut_short_leaves_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderMedia(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceUnavailable, match=r"media\.away"):
        store.put(CLIP)
    assert list(store.list()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_bytes_are_on_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        order.append("fsync")
        real_fsync(handle)

    def rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    FolderMedia(tmp_path).put(CLIP)
    assert order == ["fsync", "rename", "fsync"]


def test_an_unknown_file_system_names_its_cure() -> None:
    with pytest.raises(ConfigInvalid, match=r"media\.address"):
        open_media("nosuchfs://bucket/x")
