"""Files that a folder holds."""

from pathlib import Path


def files_in(folder: Path) -> list[str]:
    """Paths of all files in a folder and in those within it; which folders there are does not matter."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
