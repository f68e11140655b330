"""What a folder was pulled from, whatever becomes of its record."""

import os
from pathlib import Path

import pytest

from model.hub.lock import NAME, Lock, LockedFile
from model.weights import CheckpointError

LOCK = Lock("owner/Model", "0" * 40, {"weights/a.pt": LockedFile(3)})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    LOCK.write(tmp_path)
    assert Lock.read(tmp_path) == LOCK
    assert [file.name for file in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("name", ["/a.pt", "../a.pt", "a/../../b.pt", "a//b.pt", "./a", "..\\a", "a\n", ""])
def test_a_path_that_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    LOCK.write(tmp_path)
    file = tmp_path / NAME
    file.write_text(file.read_text().replace("weights/a.pt", name.replace("\\", "\\\\").replace("\n", "\\n")))
    with pytest.raises(CheckpointError, match=r"hub\.lock\.json: '.*' is no path inside a folder"):
        Lock.read(tmp_path)


def test_a_write_that_fails_leaves_the_old_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LOCK.write(tmp_path)

    def fail(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        LOCK.with_files({"b.pt": LockedFile(4)}).write(tmp_path)
    assert Lock.read(tmp_path) == LOCK
