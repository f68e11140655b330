import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
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


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Image.Image]:
    """Runs the command, and loads what it has made."""

    def run(*arguments: object) -> Image.Image:
        file = tmp_path / "made.png"
        monkeypatch.setattr(sys, "argv", ["model", *map(str, arguments), "-o", str(file)])
        assert main() == 0
        with Image.open(file) as picture:
            return picture.convert("RGB")

    return run


def test_a_part_of_a_picture_is_drawn_anew(
    run: Callable[..., Image.Image], tiny_family: Path, photo: Path, tmp_path: Path
) -> None:
    mask = Image.new("L", (150, 100))
    mask.paste(255, (75, 0, 150, 100))
    mask.save(tmp_path / "mask.png")
    options = ["--image", photo, "--mask", tmp_path / "mask.png", "--steps", 2, "--size", 128]
    made = run("a cat", *options, "--checkpoint", tiny_family / "tiny-inpainting")
    assert made.size == (128, 64)
    with Image.open(photo) as picture:
        expected = np.asarray(picture.resize((128, 64)))
    assert np.array_equal(np.asarray(made)[:, :60], expected[:, :60])
    assert not np.array_equal(np.asarray(made)[:, 68:], expected[:, 68:])


@pytest.mark.parametrize(
    ("checkpoint", "sampler"), [("tiny", "ddpm"), ("tiny", "kandinsky"), ("tiny-flash", "flash")]
)
def test_a_picture_starts_from_a_picture(
    run: Callable[..., Image.Image], tiny_family: Path, photo: Path, checkpoint: str, sampler: str
) -> None:
    options = ["a cat", "--image", photo, "--size", 128, "--steps", 4, "--sampler", sampler]
    made = [
        np.asarray(run(*options, "--checkpoint", tiny_family / checkpoint, "--strength", strength))
        for strength in (0.25, 0.75)
    ]
    assert made[0].shape == (64, 128, 3)
    assert not np.array_equal(*made)


def test_a_picture_is_extended(run: Callable[..., Image.Image], tiny_family: Path, photo: Path) -> None:
    options = ["--extend", "10,0,0,20", "--feather", 4, "--steps", 1]
    made = run("a cat", "--image", photo, *options, "--checkpoint", tiny_family / "tiny-inpainting")
    assert made.size == (160, 120)
    with Image.open(photo) as picture:
        expected = np.asarray(picture)[: 100 - 4, 4:]
    assert np.array_equal(np.asarray(made)[: 100 - 4, 10 + 4 :], expected)


def test_a_picture_becomes_larger(run: Callable[..., Image.Image], tiny_family: Path, photo: Path) -> None:
    made = run("--upscale", photo, "--steps", 2, "--checkpoint", tiny_family / "tiny-x2")
    assert made.size == (300, 200)


def test_a_larger_picture_is_refined(run: Callable[..., Image.Image], tiny_family: Path, photo: Path) -> None:
    options = ["--upscale", photo, "--steps", 1, "--checkpoint", tiny_family / "tiny-x2"]
    refined = run("a cat", *options, "--refine", 2, "--refiner", tiny_family / "tiny-flash")
    assert refined.size == (300, 200)
    assert not np.array_equal(np.asarray(refined), np.asarray(run(*options)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["a cat", "--checkpoint", "tiny", "--guidance-scale", "nan"],
            "--guidance-scale nan is not from 1 to 20",
        ),
        (["a cat", "--guidance-scale", "21"], "--guidance-scale 21 is not from 1 to 20"),
        (
            ["--upscale", "photo.png", "--negative-prompt", "x"],
            "--negative-prompt is not wanted with --upscale",
        ),
        (
            ["--upscale", "photo.png", "--guidance-scale", "2"],
            "--guidance-scale is not wanted with --upscale",
        ),
        (["--upscale", "photo.png", "--size", "64"], "--size is not wanted with --upscale"),
        (["--upscale", "photo.png", "--sampler", "ddpm"], "--sampler is not wanted with --upscale"),
        (
            ["a cat", "--upscale", "photo.png", "--refine", "1", "--beautify"],
            "--beautify is wanted with a prompt only",
        ),
        (
            ["a cat", "--checkpoint", "tiny-flash", "--steps", "5"],
            "--steps 5 is not 4, which flash always takes",
        ),
        (
            ["a cat", "--checkpoint", "tiny-flash", "--guidance-scale", "2"],
            "--guidance-scale 2: flash takes no guidance",
        ),
        (
            ["a cat", "--checkpoint", "tiny-flash", "--negative-prompt", "x"],
            "--negative-prompt is wanted with guidance only",
        ),
        (
            ["a cat", "--checkpoint", "tiny", "--negative-prompt", "x", "--guidance-scale", "1"],
            "--negative-prompt is wanted with guidance only, and its scale is 1",
        ),
        (
            ["--upscale", "photo.png", "--checkpoint", "tiny-flash-x2", "--steps", "5"],
            "--steps 5 is not 4, which flash always takes",
        ),
        (
            ["--upscale", "wide.png", "--checkpoint", "tiny-x4"],
            "--upscale makes a picture of 4100 x 4, more than 4096 a side",
        ),
        ([], "either a prompt or --upscale is wanted"),
        (["a cat", "--upscale", "photo.png"], "--upscale takes a prompt with --refine only"),
        (["--upscale", "photo.png", "--image", "photo.png"], "--image is not wanted with --upscale"),
        (["a cat", "--mask", "photo.png"], "--mask is wanted with --image only"),
        (["a cat", "--extend", "1,0,0,0"], "--extend is wanted with --image only"),
        (["a cat", "--strength", "0.5"], "--strength is wanted with --image only"),
        (["a cat", "--image", "photo.png", "--feather", "1"], "--feather is wanted with --mask or --extend"),
        (["a cat", "--refine", "1"], "--refine is wanted with --upscale only"),
        (["--upscale", "photo.png", "--refiner", "tiny"], "--refiner is wanted with --refine only"),
        (["--upscale", "photo.png", "--beautify"], "--beautify is wanted with a prompt only"),
        (["a cat", "--language-model", "x"], "--language-model is wanted with --beautify only"),
        (
            ["a cat", "--image", "photo.png", "--mask", "photo.png", "--extend", "1,0,0,0"],
            "--mask and --extend are not wanted together",
        ),
        (["a cat", "--image", "photo.png", "--strength", "0"], "--strength 0 is not above 0 and at most 1"),
        (["a cat", "--image", "photo.png", "--strength", "1.5"], "--strength 1.5 is not above 0"),
        (["a cat", "--image", "photo.png", "--extend", "0,0,0,0"], "--extend 0,0,0,0 leaves nothing"),
        (
            ["a cat", "--image", "photo.png", "--extend", "0,4096,0,0"],
            "--extend makes a picture of 4246 x 100, more than 4096 a side",
        ),
        (
            ["a cat", "--image", "photo.png", "--extend", "0,0,1,0", "--feather", "100"],
            "--feather 100: an overlap of 100 leaves nothing of a picture of 150 x 100",
        ),
        (["a cat", "--image", "photo.png", "--mask", "black.png"], "is black everywhere"),
        (["a cat", "--image", "absent.png", "--mask", "photo.png"], "absent.png"),
        (
            ["a cat", "--checkpoint", "tiny-inpainting"],
            "tiny-inpainting needs --image and --mask or --extend",
        ),
        (["a cat", "--image", "photo.png"], "tiny-inpainting needs --image and --mask or --extend"),
        (
            ["a cat", "--checkpoint", "tiny", "--image", "photo.png", "--mask", "photo.png"],
            "tiny takes no --mask or --extend",
        ),
        (["--upscale", "photo.png", "--checkpoint", "tiny"], "_class_name is 'Kandinsky3Pipeline'"),
        (["--upscale", "photo.png", "--checkpoint", "tiny-x4", "--steps", "0"], "--steps: num_steps"),
        (
            ["--upscale", "tile.png", "--checkpoint", "tiny-x2", "--refine", "1", "--refiner", "tiny"],
            "--refiner: tiny is no Flash checkpoint",
        ),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str],
    says: str,
    tiny_family: Path,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tiny_family)
    paths = {name: str(photo.parent / name) for name in ("photo.png", "tile.png", "black.png", "wide.png")}
    Image.new("L", (1025, 1)).save(paths["wide.png"])
    for name in ("tile.png", "black.png"):
        Image.new("L", (8, 8)).save(paths[name])
    defaults = [] if "--checkpoint" in arguments else ["--checkpoint", "tiny-inpainting"]
    monkeypatch.setattr(sys, "argv", ["model", *(paths.get(a, a) for a in arguments), *defaults])
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
        (["--device", "meta"], "meta is none of cpu, cuda"),
        (["--size", "big"], "argument --size"),
        (["--extend", "1,2,3"], "1,2,3 is not four numbers: left, right, top and bottom"),
        (["--extend", "1,2,3,-4"], "-4 is not a whole number of pixels from 0 to 4096"),
        (["--feather", "5000"], "5000 is not a whole number of pixels from 0 to 4096"),
        (["--refine", "3"], "argument --refine: invalid choice: 3"),
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
