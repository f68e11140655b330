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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run by `main`, of the tiny configuration."""
    monkeypatch.setitem(CONFIGS, TINY.name, TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["training", "--config", "tiny", "--device", "cpu", "--export", "demo"])
    return tmp_path / "runs" / "tiny"


def test_one_command_trains_and_exports(run: Path) -> None:
    assert main() == 0
    saved = (run / "diffusion.pt").stat().st_mtime_ns
    assert load_checkpoint(Path("demo"), CPU).name == "demo"
    assert main() == 0
    assert (run / "diffusion.pt").stat().st_mtime_ns == saved


def test_interrupted(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(diffusion, "train", interrupted)
    assert main() == 130
    assert capsys.readouterr().err == "stopped; run the same command to go on from the last save\n"
    assert (run / "autoencoder.pt").exists()


def test_changed_configuration(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--minutes", "0"])
    main()
    monkeypatch.setitem(CONFIGS, TINY.name, replace(TINY, seed=1))
    capsys.readouterr()
    assert main() == 1
    assert "was started with seed=0, not 1" in capsys.readouterr().err


def test_no_time_at_all(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--minutes", "0"])
    assert main() == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not Path("demo").exists()
