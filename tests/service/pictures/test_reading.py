"""Pictures of requests: what is read, as what, and what is refused."""

import random
import re
import struct
import zipfile
import zlib
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from service.errors import InvalidImage
from service.pictures.reading import MAX_SCANS, PictureReader, encode_png, fit_picture
from tests.pictures import encoded
from worker.jobs.stages import ImageToImage

READER = PictureReader(max_pixels=64 * 64)
RED, GREEN, WHITE = (255, 0, 0), (0, 128, 0), (255, 255, 255)


def read(content: bytes) -> Image.Image:
    return READER.picture(content, "image")


def corners(picture: Image.Image) -> list[Any]:
    """The pixels of the four corners, row by row."""
    right, bottom = picture.width - 1, picture.height - 1
    return [picture.getpixel(at) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def quarters() -> Image.Image:
    """A picture of 8x4 pixels, of which each corner has a colour of its own."""
    picture = Image.new("RGB", (8, 4))
    for colour, at in zip(("red", "green", "blue", "yellow"), ((0, 0), (4, 0), (0, 2), (4, 2)), strict=True):
        picture.paste(colour, (*at, at[0] + 4, at[1] + 2))
    return picture


@pytest.mark.parametrize(
    ("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})]
)
def test_a_picture_is_read_as_rgb(form: str, options: dict[str, Any]) -> None:
    read_back = read(encoded(Image.new("RGB", (9, 5), RED), form, **options))
    assert (read_back.mode, read_back.size) == ("RGB", (9, 5))
    red, green, blue = corners(read_back)[0]
    assert red - max(green, blue) > 245


@pytest.mark.parametrize(
    ("picture", "colour"),
    [
        (Image.new("L", (2, 2), 128), (128, 128, 128)),
        (Image.new("1", (2, 2), 1), WHITE),
        (Image.new("RGB", (2, 2), RED).quantize(2), RED),
        (Image.new("RGBA", (2, 2), (*RED, 0)), WHITE),
        (Image.new("RGBA", (2, 2), (*RED, 255)), RED),
        (Image.new("RGBA", (2, 2), (0, 0, 0, 128)), (127, 127, 127)),
        (Image.new("LA", (2, 2), (0, 0)), WHITE),
        (Image.new("I;16", (2, 2), 0x80FF), (128, 128, 128)),
        (Image.new("I;16", (2, 2), 0xFFFF), WHITE),
    ],
    ids=["grey", "bilevel", "palette", "clear", "opaque", "half", "clear grey", "16 bits", "16 bits white"],
)
def test_every_mode_becomes_rgb_on_white(picture: Image.Image, colour: tuple[int, int, int]) -> None:
    assert corners(read(encoded(picture))) == [colour] * 4


def test_a_colour_of_a_palette_may_be_transparent() -> None:
    content = encoded(Image.new("RGB", (2, 2), RED).quantize(2), transparency=0)
    assert corners(read(content)) == [WHITE] * 4


def test_sixteen_bits_of_colour_become_eight() -> None:
    pixels = b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0x00FF)
    content = _png(struct.pack(">2I5B", 1, 1, 16, 2, 0, 0, 0), zlib.compress(pixels))
    assert read(content).getpixel((0, 0)) == (255, 128, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_picture_is_turned_as_its_exif_data_say(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    upright = quarters().transpose(turns[orientation]) if orientation > 1 else quarters()
    read_back = read(encoded(quarters(), form, exif=exif, lossless=True))
    assert (read_back.size, corners(read_back)) == (upright.size, corners(upright))


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "who took it and where"
    content = encoded(quarters(), "JPEG", exif=exif, comment="secret", icc_profile=b"profile")
    normalised = encode_png(read(content))
    chunks = {normalised[at : at + 4] for at in range(len(normalised)) if normalised[at : at + 4].isalpha()}
    assert chunks & {b"eXIf", b"iCCP", b"tEXt", b"iTXt"} == set()
    assert b"secret" not in normalised


def _zip() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("picture.png", b"x" * 1000)
    return buffer.getvalue()


def _frames(form: str) -> bytes:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(header: bytes, pixels: bytes) -> bytes:
    """A PNG of these parts, right or wrong."""
    parts = _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


BAD_FILES = {
    "a zip": (_zip(), "PNG, JPEG or WebP file, got one that begins with b'PK"),
    "a GIF": (encoded(Image.new("L", (2, 2)), "GIF"), "begins with b'GIF"),
    "a TIFF": (encoded(Image.new("L", (2, 2)), "TIFF"), "PNG, JPEG or WebP"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "begins with b'<svg"),
    "text": (b"not a picture", "begins with b'not a pi'"),
    "a signature alone": (b"\x89PNG\r\n\x1a\n", "damaged or cut off"),
    "half a PNG": (encoded(_noise(32, 32))[:1500], "damaged or cut off"),
    "half a JPEG": (encoded(_noise(32, 32), "JPEG")[:600], "damaged or cut off"),
    "half a WebP": (encoded(_noise(32, 32), "WEBP")[:600], "damaged or cut off"),
    "wrong pixels": (_png(struct.pack(">2I5B", 8, 8, 8, 2, 0, 0, 0), b"\0" * 50), "damaged or cut off"),
    "no pixels": (_png(struct.pack(">2I5B", 0, 8, 8, 2, 0, 0, 0), zlib.compress(b"")), "damaged or cut off"),
    "frames of PNG": (_frames("PNG"), "one still picture, got 3 frames"),
    "frames of WebP": (_frames("WEBP"), "one still picture, got 3 frames"),
    "CMYK": (encoded(Image.new("CMYK", (4, 4)), "JPEG"), "RGB or grey, got CMYK"),
    "too many pixels": (encoded(Image.new("L", (128, 33))), "at most 4096 pixels, got 128x33 = 4224"),
    "a bomb": (
        _png(struct.pack(">2I5B", 60_000, 60_000, 8, 0, 0, 0, 0), b""),
        "at most 4096 pixels, got 60000x60000 = 3600000000",
    ),
    "a bomb of WebP": (
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + 2 * (59_999).to_bytes(3, "little"),
        "at most 4096 pixels",
    ),
}


@pytest.mark.parametrize(("content", "said"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_by_name(content: bytes, said: str) -> None:
    with pytest.raises(InvalidImage, match=rf"^mask .*{re.escape(said)}") as caught:
        READER.picture(content, "mask")
    assert (caught.value.status, caught.value.code, caught.value.param) == (422, "invalid_image", "mask")


def test_a_png_of_many_profiles_is_refused() -> None:
    content, profile = encoded(_noise(8, 8)), _chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 1000))
    start = content.index(b"IDAT") - 4
    assert read(content[:start] + profile + content[start:]).size == (8, 8)
    with pytest.raises(InvalidImage, match="should have one colour profile at most, got many"):
        read(content[:start] + 9 * profile + content[start:])


def _scans(num_scans: int, thumbnail: bytes = b"") -> bytes:
    """A JPEG of so many scans, with something else in a segment of its head and after its end."""
    content = encoded(_noise(16, 16), "JPEG", progressive=True)
    parts = content[:-2].split(b"\xff\xda")
    head = b"\xff\xd8\xff\xef" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + parts[0][2:]
    scans = [*parts[1:], *[parts[-1]] * (num_scans + 1 - len(parts))]
    return b"\xff\xda".join([head, *scans]) + content[-2:] + thumbnail


def test_a_jpeg_of_too_many_scans_is_refused() -> None:
    assert read(_scans(MAX_SCANS)).size == (16, 16)
    with pytest.raises(InvalidImage, match=r"^image should have at most 100 scans, got more"):
        read(_scans(MAX_SCANS + 1))


def test_only_its_own_scans_count() -> None:
    assert read(_scans(MAX_SCANS, thumbnail=b"\xff\xda" * 200)).size == (16, 16)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_file_with_wrong_bytes_is_read_or_refused(form: str) -> None:
    chance = random.Random(3)
    content = encoded(_noise(16, 16), form)
    for _ in range(300):
        broken = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        with suppress(InvalidImage):
            assert read(bytes(broken[: chance.randint(1, len(broken))])).mode == "RGB"


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_head_of_a_file_tells_that_it_is_too_large(form: str) -> None:
    content = encoded(_noise(128, 33), form)
    READER.check_head(content[:20], "image")
    with pytest.raises(InvalidImage, match="image should have at most 4096 pixels, got 128x33"):
        READER.check_head(content[:1000], "image")


def test_the_head_of_a_good_file_passes() -> None:
    for form in ("PNG", "JPEG", "WEBP"):
        content = encoded(_noise(64, 64), form)
        READER.check_head(content[:700], "image")
        READER.check_head(content, "image")


def test_a_picture_that_is_drawn_again_is_cut_to_its_shape() -> None:
    stage = ImageToImage(
        model="x",
        seed=1,
        width=2,
        height=4,
        steps=1,
        prompt="x",
        num_images=1,
        guidance_scale=1,
        sampler="x",
        image="x",
        strength=1,
    )
    fitted = fit_picture(quarters(), stage)
    assert (fitted.size, corners(fitted)) == ((2, 4), [RED, GREEN, (0, 0, 255), (255, 255, 0)])
