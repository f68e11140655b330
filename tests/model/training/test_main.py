import sys
from dataclasses import replace
from pathlib import Path

import pytest

from model.checkpoint import load_checkpoint
from model.training import diffusion
from model.training.__main__ import main
from model.training.config import CONFIGS
from tests.checkpoints import TINY
from tests.model.conftest import CPU
from tests.model.training.conftest import CopyRun


@pytest.fixture(autouse=True)
def _command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `main` train the tiny configuration and export it to `demo`."""
    monkeypatch.setitem(CONFIGS, TINY.name, TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["training", "--config", "tiny", "--device", "cpu", "--export", "demo"])


def test_what_is_missing_is_trained_and_all_is_exported(copy_run: CopyRun) -> None:
    run = copy_run("decoder")
    saved = (run.folder / "diffusion.pt").stat().st_mtime_ns
    assert main() == 0
    assert (run.folder / "decoder.pt").exists()
    assert (run.folder / "diffusion.pt").stat().st_mtime_ns == saved
    assert load_checkpoint(Path("demo"), CPU).name == "demo"


def test_interrupted(
    copy_run: CopyRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    run = copy_run("diffusion", "decoder")
    monkeypatch.setattr(diffusion, "train", interrupted)
    assert main() == 130
    assert capsys.readouterr().err == "stopped; run the same command to go on from the last save\n"
    assert not (run.folder / "decoder.pt").exists()


def test_changed_configuration(
    copy_run: CopyRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_run()
    monkeypatch.setitem(CONFIGS, TINY.name, replace(TINY, seed=1))
    assert main() == 1
    assert "was started with seed=0, not 1" in capsys.readouterr().err


def test_no_time_at_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--minutes", "0"])
    assert main() == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not Path("demo").exists()
