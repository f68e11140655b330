"""The command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.hub.__main__ import app
from model.hub.catalog import PUBLISHED
from model.hub.lock import Lock, LockedFile
from tests.model.damage import truncate


def run(*arguments: object) -> tuple[int, str]:
    """Exit code, and all that is printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})
    return result.exit_code, result.output


def test_list(tmp_path: Path) -> None:
    file = tmp_path / "KandiSuperRes" / "KandiSuperRes.ckpt"
    sizes = {file.name: LockedFile(3), "KandiSuperRes_x2.ckpt": LockedFile(3)}
    Lock("ai-forever/KandiSuperRes", "abcdef0123", sizes).write(file.parent)
    file.write_bytes(b"123")
    code, output = run("list", "--folder", tmp_path)
    states = {line.split()[0]: line for line in output.splitlines() if line.startswith("   ")}
    assert code == 0
    assert list(states) == [published.name for published in PUBLISHED]
    assert "at abcdef01" in states["kandisuperres-x4"]
    assert "0 of 1 files" in states["kandisuperres-x2"]


def test_verify(family: Path) -> None:
    assert run("verify", family / "tiny-x4") == (0, "ok      tiny-x4\n")
    file = family / "tiny-x4" / "unet" / "diffusion_pytorch_model.safetensors"
    truncate(file, 0.5)
    code, output = run("verify", family / "tiny-x4")
    assert code == 1
    assert "FAILED  tiny-x4" in output
    assert f"{file} is damaged or truncated" in output
    assert f"error: 1 fault in {family / 'tiny-x4'}" in output


def test_convert(tiny_family: Path, tmp_path: Path) -> None:
    code, output = run("convert", tiny_family / "tiny-x4", tmp_path, "--dtype", "fp32")
    assert code == 0
    assert output.splitlines()[0] == "tiny-x4/unet/diffusion_pytorch_model.safetensors"
    assert run("verify", tmp_path)[0] == 0


def test_plan() -> None:
    code, output = run("plan", "--memory", "24", "--models", "kandisuperres-x4")
    assert code == 0
    assert "kandisuperres-x4" in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("pull", "absent"), "no published weights are called 'absent'; there is kandinsky-3, kandinsky-3.1"),
        (
            ("pull", "kandinsky-3", "--offline", "--folder", "absent"),
            "absent/kandinsky-3 has no hub.lock.json",
        ),
        (("verify", "absent"), "absent is not a folder"),
        (("convert", "absent", "elsewhere"), "absent is not a folder"),
        (("plan", "--memory", "24", "--models", "absent"), "no published model is called 'absent'"),
        (("plan", "--memory", "-1"), "memory should be more than 0 GB"),
    ],
)
def test_mistakes(
    arguments: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run(*arguments)
    assert code == 1
    assert f"error: {says}" in output
