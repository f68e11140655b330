"""`hub.lock.json`: the commit that a folder was pulled from, and what its files were there."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from model.weights import made_from, read_json

NAME = "hub.lock.json"
#: End of the name of what is not whole yet.
PARTIAL = ".partial"


@dataclass(frozen=True)
class LockedFile:
    """What a file is in its repository."""

    #: Bytes.
    size: int
    #: None of a small file, which the hub keeps no such sum of.
    sha256: str | None = None


@dataclass(frozen=True)
class Lock:
    """One commit of a repository, and those of its files that are wanted, by their paths.

    Raises ValueError for a path that leads out of the repository's folder.
    """

    repository: str
    commit: str
    files: Mapping[str, LockedFile]

    def __post_init__(self) -> None:
        for name in self.files:
            if not _stays_inside(name):
                raise ValueError(f"{name!r} is no path inside a folder")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """That of a folder; None when nothing was pulled into it. Raises CheckpointError."""
        file = folder / NAME
        if not file.exists():
            return None
        content = read_json(file)
        return made_from(file, lambda: cls._from_json(content))

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> Self:
        files = {name: LockedFile(**file) for name, file in content["files"].items()}
        return cls(content["repository"], content["commit"], files)

    def write(self, folder: Path) -> None:
        """Makes it that of a folder; whatever happens, there is the old one or the new one."""
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{NAME}{PARTIAL}"
        beside.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")
        flush(beside)
        beside.replace(folder / NAME)

    def with_files(self, files: Mapping[str, LockedFile]) -> Self:
        """The same with more files."""
        return replace(self, files={**self.files, **files})

    def faults(self, folder: Path, *, sums: bool = False) -> Iterator[str]:
        """What differs in a folder: files that are missing or of another size and, if asked for, sum."""
        for name, file in self.files.items():
            if fault := fault_of(folder / name, file, sums=sums):
                yield fault


def fault_of(path: Path, file: LockedFile, *, sums: bool) -> str | None:
    """What differs between a file and what it was in its repository."""
    if not path.is_file():
        return f"{path} is missing"
    if (size := path.stat().st_size) != file.size:
        return f"{path} has {size} bytes, not {file.size}"
    if sums and file.sha256 and (found := sha256(path)) != file.sha256:
        return f"{path} is not what was published: its SHA-256 is {found}, not {file.sha256}"
    return None


def _stays_inside(name: str) -> bool:
    """Whether a path is relative and goes only down; a hub may make up any."""
    goes_down = all(part not in ("", ".", "..") for part in name.split("/"))
    return goes_down and "\\" not in name and name.isprintable()


def flush(path: Path) -> None:
    """Has the disk itself write a file, which else may be empty after a loss of power."""
    with path.open("rb") as opened:
        os.fsync(opened.fileno())


def sha256(path: Path) -> str:
    """The sum of a file, in hexadecimal digits."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def locked_folders(place: Path) -> list[Path]:
    """The folders that something was pulled into: this one, or those in it."""
    return [folder for folder in (place, *sorted(place.glob("*/"))) if (folder / NAME).exists()]
