import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from model.__main__ import main


def test_prompt_becomes_a_picture(tiny_checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "apple.png"
    options = ["--checkpoint", str(tiny_checkpoint), "--steps", "2", "-o", str(file)]
    command = [sys.executable, "-m", "model", "a red apple", *options]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == str(file)
    with Image.open(file) as picture:
        assert picture.size == (64, 64)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--size", "100"], "--size 100 is not a positive multiple of 64"),
        (["--size", "0"], "--size 0 is not a positive multiple of 64"),
        (["--steps", "0"], "--steps: num_steps must be from 1 to 999, not 0"),
        (["--sampler", "flash"], "--sampler flash is none of ddpm, kandinsky"),
        (["--checkpoint", "absent"], "absent is not a folder"),
    ],
)
def test_bad_option(
    options: list[str],
    says: str,
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["model", "a cat", "--checkpoint", str(tiny_checkpoint), *options])
    assert main() == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert says in line


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-o", "absent/cat.png"], "absent is not a folder"),
        (["-o", "cat.txt"], "cat.txt does not end as a picture does"),
        (["--device", "toaster"], "toaster is not available"),
        (["--size", "big"], "argument --size"),
    ],
)
def test_option_that_is_refused_before_anything_is_loaded(
    options: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["model", "a cat", *options])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err
