from pathlib import Path

import psutil
import pytest

from model.host import VERSION_1, VERSION_2, free_host_memory


def write_cgroup(folder: Path, files: tuple[str, str, str, str], limit: str) -> Path:
    """A container that takes 1000 bytes, of which 300 are pages of files that nobody reads."""
    *names, pages = files
    for name, content in zip(names, (limit, "1000", f"anon 600\n{pages} 300"), strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content + "\n")
    return folder


@pytest.mark.parametrize("files", [VERSION_1, VERSION_2])
@pytest.mark.parametrize(("limit", "free"), [(5000, 4300), (600, 0)])
def test_a_container_has_what_its_limit_leaves(
    tmp_path: Path, files: tuple[str, str, str, str], limit: int, free: int
) -> None:
    assert free_host_memory(write_cgroup(tmp_path, files, str(limit))) == free


@pytest.mark.parametrize("limit", ["max", str(2**62)])
def test_without_a_limit_it_is_what_the_machine_has(tmp_path: Path, limit: str) -> None:
    free = free_host_memory(write_cgroup(tmp_path, VERSION_2, limit))
    assert 10**6 < free <= psutil.virtual_memory().total
    assert free_host_memory(tmp_path / "none") > 10**6
