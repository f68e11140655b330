import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model.checkpoint import load_checkpoint
from model.training import __main__ as command
from model.training.__main__ import main
from model.training.config import CONFIGS
from model.training.export import BASE
from tests.model.conftest import CPU
from tests.model.training.conftest import CopyRun
from tests.model.training.tiny import TINY

CommandLine = Callable[..., None]
#: All parts that the fixture `trained` has trained.
PARTS = ("autoencoder", "base", "decoder", "inpainting", "flash")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Lets `main` train the tiny configuration and export it to `family`."""
    monkeypatch.setitem(CONFIGS, TINY.name, TINY)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> None:
        fixed = ["training", "--config", "tiny", "--device", "cpu", "--export", "family"]
        monkeypatch.setattr(sys, "argv", [*fixed, *arguments])

    return call


def test_what_is_missing_is_trained_and_all_is_exported(copy_run: CopyRun, call: CommandLine) -> None:
    run = copy_run("decoder")
    saved = (run.folder / "base-mixed.pt").stat().st_mtime_ns
    call(*PARTS)
    assert main() == 0
    assert (run.folder / "decoder.pt").exists()
    assert (run.folder / "base-mixed.pt").stat().st_mtime_ns == saved
    assert load_checkpoint(Path("family") / BASE, CPU).name == BASE


def test_one_part(copy_run: CopyRun, call: CommandLine) -> None:
    run = copy_run("flash", "inpainting")
    call("flash")
    assert main() == 0
    assert (run.folder / "flash.pt").exists()
    assert not (run.folder / "inpainting.pt").exists()


def test_unknown_part(call: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    call("vae")
    with pytest.raises(SystemExit):
        main()
    assert "there is no part vae: choose from autoencoder, base," in capsys.readouterr().err


def test_interrupted(
    copy_run: CopyRun,
    call: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    copy_run("decoder")
    monkeypatch.setitem(command.PARTS, "decoder", interrupted)
    call("decoder")
    assert main() == 130
    assert capsys.readouterr().err == "stopped; run the same command to go on from the last save\n"


def test_changed_configuration(
    copy_run: CopyRun,
    call: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy_run()
    monkeypatch.setitem(CONFIGS, TINY.name, replace(TINY, data=replace(TINY.data, seed=1)))
    call("base")
    assert main() == 1
    assert "was begun with data.seed=0, not 1" in capsys.readouterr().err


def test_no_time_at_all(call: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    call("autoencoder", "--minutes", "0")
    assert main() == 1
    assert "has nothing to export yet" in capsys.readouterr().err


def test_missing_pictures(copy_run: CopyRun, call: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    run = copy_run("decoder")
    call("decoder", "--pictures", "nowhere")
    assert main() == 1
    assert (
        "nowhere/3d.zip is missing; make it with: python -m model.training.fetch" in capsys.readouterr().err
    )
    assert (run.folder / "base-mixed.pt").exists()
