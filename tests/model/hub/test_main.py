"""The command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.hub.__main__ import app
from model.hub.catalog import PUBLISHED
from model.hub.lock import Lock, LockedFile
from tests.model.damage import truncate
from tests.model.hub.server import Hub, serving


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


LONG = "x" * 300


def test_a_folder_that_cannot_be_looked_into() -> None:
    code, output = run("list", "--folder", LONG)
    assert code == 0
    assert output.count("File name too long") == len(PUBLISHED)


def test_a_pull_onto_a_file(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("")
    with serving(Hub("ai-forever/KandiSuperRes", {"KandiSuperRes.ckpt": b"123"})) as hub:
        command = (sys.executable, "-m", "model.hub", "pull", "kandisuperres-x4", "--folder", "weights")
        environment = os.environ | {"HF_ENDPOINT": hub.url, "PYTHONPATH": os.getcwd()}
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr == "error: [Errno 20] Not a directory: 'weights/KandiSuperRes'\n"


def test_a_conversion_again_says_what_it_keeps(tiny_family: Path, tmp_path: Path) -> None:
    run("convert", tiny_family / "tiny-x4", tmp_path)
    code, output = run("convert", tiny_family / "tiny-x4", tmp_path)
    assert (code, output) == (0, f"tiny-x4 was whole before, and is kept\n1 model in {tmp_path}\n")


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
        (("verify", LONG), "[Errno 36] File name too long: 'xxx"),
        (("pull", "kandinsky-3", "--offline", "--folder", LONG), "[Errno 36] File name too long: 'xxx"),
        (("plan", "--memory", "24", "--folder", LONG), "[Errno 36] File name too long: 'xxx"),
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
