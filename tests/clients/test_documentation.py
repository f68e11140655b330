"""The programs in docs/compatibility.md do what the page says, with another address and key."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from worker.jobs.keys import Key

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(
    ("program", "file"),
    list(zip(PROGRAMS, ["apple.png", "cat-0.png"], strict=True)),
    ids=["openai", "fusionbrain"],
)
def test_a_documented_program_makes_its_picture(
    program: str, file: str, url: str, key: tuple[Key, str], tmp_path: Path
) -> None:
    (known, token), secret = key, key[1].rpartition("_")[2]
    told = {"http://127.0.0.1:8000": url, "kdsk_...": token, "YOUR_KEY": known.id, "YOUR_SECRET": secret}
    for shown, real in told.items():
        program = program.replace(shown, real)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")
