"""Memory of the machine, or of the container that this process runs in."""

from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
#: Files of a limit, of what is taken, and of what that is made of; and there, of file pages that can go.
VERSION_2 = ("memory.max", "memory.current", "memory.stat", "inactive_file")
VERSION_1 = (
    "memory/memory.limit_in_bytes",
    "memory/memory.usage_in_bytes",
    "memory/memory.stat",
    "total_inactive_file",
)


def free_host_memory(cgroup: Path = CGROUP) -> int:
    """Bytes that are free, of a container those up to its limit."""
    left = [_left(cgroup, *names) for names in (VERSION_2, VERSION_1)]
    return min([psutil.virtual_memory().available, *(each for each in left if each is not None)])


def _left(cgroup: Path, limit: str, usage: str, statistics: str, pages: str) -> int | None:
    """Bytes below a limit; None where there is no limit."""
    try:
        most, taken = (cgroup / limit).read_text().strip(), int((cgroup / usage).read_text())
        lines = dict(line.split() for line in (cgroup / statistics).read_text().splitlines())
    except OSError:
        return None
    return None if most == "max" else max(0, int(most) - taken + int(lines.get(pages, 0)))
