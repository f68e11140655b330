from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.files import read_mask, read_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def test_a_picture_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png"), PIXELS)


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    turned, exif = Image.fromarray(PIXELS).rotate(90, expand=True), Image.Exif()
    exif[0x0112] = 6  # to be shown after a quarter turn clockwise
    turned.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png"), PIXELS)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    picture.convert(mode).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").tolist() == [[[0] * 3, [255] * 3]]


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png")[0, :, 0].tolist() == [0, 128, 255]


def test_a_mask_is_a_share_of_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png")[0].tolist() == pytest.approx([0, 0.2, 1])


def test_a_mask_with_transparency_is_what_is_transparent(tmp_path: Path) -> None:
    pixels = [[[255] * 4, [255, 255, 255, 204], [0] * 4]]
    Image.fromarray(np.array(pixels, np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png")[0].tolist() == pytest.approx([0, 0.2, 1])


def test_a_mask_that_is_opaque_is_what_is_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[0, 0, 0, 255], [255] * 4]], np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png")[0].tolist() == [0, 1]


@pytest.mark.parametrize("read", [read_mask, read_picture])
def test_floats_are_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    Image.fromarray(np.array([[0, 0.5, 1]], np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(OSError, match=r"a\.tiff cannot be read: its pixels are floats, of mode F"):
        read(tmp_path / "a.tiff")


@pytest.mark.parametrize("content", [b"PK\x03\x04 not a picture", b"\x89PNG\r\n\x1a\n", b""])
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(OSError, match=r"a\.png cannot be read"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("kept", [40, 60, 75])
def test_half_a_picture(tmp_path: Path, kept: int) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:kept])
    with pytest.raises(OSError, match=r"a\.png cannot be read"):
        read_picture(tmp_path / "a.png")
