"""A picture becomes another one: inpainting and super-resolution, through all processes."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.client import Kandinsky
from service.requests import InpaintingRequest
from tests.integration.conftest import Service
from tests.pictures import as_text, encoded, half_mask

Job = dict[str, Any]
Make = Callable[..., Job]
Pixels = Callable[[Job], NDArray[np.int16]]


def picture(width: int, height: int) -> Image.Image:
    """A picture in which no two pixels of a row or a column are alike."""
    across, down = np.linspace(0, 255, width), np.linspace(255, 0, height)
    channels = [across + 0 * down[:, None], 0 * across + down[:, None], (across + down[:, None]) / 2]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


SQUARE = as_text(encoded(picture(64, 64)))
MASKED = {"prompt": "a red apple", "image": SQUARE, "mask": half_mask(64, 64), "steps": 4, "seed": 7}


def test_what_is_outside_the_mask_stays_and_the_rest_is_new(make: Make, pixels: Pixels) -> None:
    job = make("inpainting", **MASKED)
    before, after = np.asarray(picture(64, 64), dtype=np.int16), pixels(job)
    assert (job["input"]["model"], job["receipt"]["steps"]) == ("tiny-inpainting", 4)
    assert np.array_equal(after[:, 32:], before[:, 32:])
    assert np.abs(after[:, :32] - before[:, :32]).mean() > 10


def test_a_seam_is_blended_and_the_whole_can_be_drawn(make: Make, pixels: Pixels) -> None:
    cut, blended, whole = (
        pixels(make("inpainting", **MASKED, **how)) for how in ({}, {"feather": 8}, {"paste_back": False})
    )
    assert np.array_equal(blended[:, 32:], cut[:, 32:])
    assert not np.array_equal(blended[:, 24:32], cut[:, 24:32])
    assert not np.array_equal(whole[:, 32:], cut[:, 32:])


def test_several_pictures_of_a_transparent_one(make: Make, http: httpx.Client) -> None:
    image = as_text(encoded(picture(128, 64).convert("RGBA"), "WEBP"))
    job = make("inpainting", **{**MASKED, "image": image, "mask": half_mask(128, 64)}, num_images=2)
    contents = {http.get(output["url"]).content for output in job["outputs"]}
    assert [(output["width"], output["height"]) for output in job["outputs"]] == [(128, 64)] * 2
    assert len(contents) == 2


@pytest.mark.parametrize(
    ("fields", "model", "size"),
    [
        ({"scale": 4}, "tiny-x4", (260, 132)),
        ({"scale": 2}, "tiny-x2", (130, 66)),
        ({"model": "tiny-flash-x2"}, "tiny-flash-x2", (130, 66)),
    ],
)
def test_a_picture_is_made_larger(
    make: Make, pixels: Pixels, fields: dict[str, object], model: str, size: tuple[int, int]
) -> None:
    job = make("super-resolution", image=as_text(encoded(picture(65, 33))), seed=7, **fields)
    [output] = job["outputs"]
    assert (job["input"]["model"], output["width"], output["height"]) == (model, *size)
    assert pixels(job).shape == (size[1], size[0], 3)


def test_a_picture_does_not_depend_on_its_company(make: Make, pixels: Pixels) -> None:
    requests: list[tuple[str, dict[str, Any]]] = [
        ("text-to-image", {"prompt": "a cat", "seed": 1, "steps": 6}),
        ("text-to-image", {"prompt": "a cat", "seed": 1, "model": "tiny-flash"}),
        ("inpainting", MASKED),
        ("super-resolution", {"image": SQUARE, "scale": 4, "seed": 1}),
        ("super-resolution", {"image": SQUARE, "scale": 2, "seed": 1}),
    ]
    with ThreadPoolExecutor(len(requests)) as pool:
        together = list(pool.map(lambda request: make(request[0], **request[1]), requests))
    for (kind, fields), job in zip(requests, together, strict=True):
        alone = make(kind, **fields)
        assert alone["input"] == job["input"]
        assert np.abs(pixels(alone) - pixels(job)).max() <= 1, kind


def test_a_picture_that_was_made_can_be_worked_on(make: Make, http: httpx.Client) -> None:
    drawn = make("text-to-image", prompt="a cat", steps=2)
    image = as_text(http.get(drawn["outputs"][0]["url"]).content)
    enlarged = make("super-resolution", image=image, scale=2)
    assert enlarged["outputs"][0]["width"] == 2 * drawn["outputs"][0]["width"]


def test_events_tell_of_progress_and_never_of_keys(service: Service) -> None:
    request = InpaintingRequest.model_validate({**MASKED, "steps": 30})
    with Kandinsky(service.url) as client:
        events = list(client.events(client.submit(request).id))
    assert "progress" in {event.type for event in events}
    assert events[-1].data["status"] == "succeeded"
    assert "inputs/" not in str(events)


def test_the_commands_write_the_files(service: Service, tmp_path: Path) -> None:
    image, mask = tmp_path / "cat.png", tmp_path / "mask.png"
    picture(64, 64).save(image)
    Image.linear_gradient("L").resize((64, 64)).save(mask)
    painted = _run(service, tmp_path / "dog.jpg", "inpaint", "a dog", "--image", image, "--mask", mask)
    varied = _run(service, tmp_path / "again.png", "transform", "a dog", "--image", image)
    wide = _run(service, tmp_path / "wide.png", "outpaint", "a dog", "--image", image, "--right", 20)
    enlarged = _run(service, tmp_path / "large.webp", "upscale", image, "--scale", 4)
    assert (painted.format, painted.size) == ("JPEG", (64, 64))
    assert (varied.size, wide.size) == ((64, 64), (84, 64))
    assert (enlarged.format, enlarged.size) == ("WEBP", (256, 256))


def _run(service: Service, output: Path, *arguments: object) -> Image.Image:
    command = [*map(str, arguments), "--steps", "2", "--url", service.url, "-o", str(output)]
    ran = subprocess.run([sys.executable, "-m", "service.cli.main", *command], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, f"{output}\n"), ran.stderr
    with Image.open(output) as opened:
        opened.load()
    return opened
