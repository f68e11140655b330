"""Folders as they were published, at small width."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def published(published_folder: Path, tmp_path: Path) -> Path:
    """A copy of Flash and KandiSuperRes x4 of it, to be changed."""
    others = shutil.ignore_patterns("kandinsky3.pt", "*_inpainting.pt", "*_x2.*")
    return shutil.copytree(published_folder, tmp_path / "published", ignore=others)


@pytest.fixture
def family(tiny_family: Path, tmp_path: Path) -> Path:
    """A copy of a family in the layout of diffusers, to be changed."""
    return shutil.copytree(tiny_family, tmp_path / "family")
