"""The gateway may have as many sockets open as it has streams."""

import subprocess
import sys

import pytest


def limit_after(soft: int, hard: int, num_streams: int) -> int:
    """The soft limit of a process that began with these limits."""
    code = f"""
import resource
from service.descriptors import allow_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
allow_descriptors({num_streams})
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return int(ran.stdout)


@pytest.mark.parametrize(
    ("soft", "hard", "num_streams", "after"),
    [(256, 4000, 2000, 3000), (256, 1500, 2000, 1500), (3500, 4000, 2000, 3500)],
)
def test_the_limit_is_raised_as_far_as_it_goes(soft: int, hard: int, num_streams: int, after: int) -> None:
    assert limit_after(soft, hard, num_streams) == after
