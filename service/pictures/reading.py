"""The pictures of a request: whatever callers send is refused, or becomes a plain picture of known size."""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from service.errors import InvalidImage
from service.pictures.jpeg import has_more_scans
from service.pictures.masks import check_mask, mark
from service.pictures.sources import PictureSources
from service.planning.sizes import Size, show_size
from service.requests import InpaintingRequest, JobRequest, PictureRequest
from worker.jobs.stages import ImageToImage, OutputFormat, Stage

CONTENT_TYPE = "image/png"
#: Scans of a JPEG file; ten are usual. Each costs time for every pixel, though it need have only a few bytes.
MAX_SCANS = 100
#: Colour profiles of a PNG file, which has one. Each takes a megabyte for a kilobyte, and time to unpack.
MAX_PROFILES = 8

#: How the files that are read begin, whatever they are called and said to be.
_SIGNATURES: tuple[tuple[re.Pattern[bytes], OutputFormat, type[ImageFile]], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), OutputFormat.PNG, PngImageFile),
    (re.compile(rb"\xff\xd8\xff"), OutputFormat.JPEG, JpegImageFile),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), OutputFormat.WEBP, WebPImageFile),
)
#: So many bytes of a file tell what it is.
NUM_SIGNATURE_BYTES = 12
#: What reading a broken file may raise.
_FAULTS = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    ValueError,
    Image.DecompressionBombError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class PictureReader:
    """Reads the files of pictures; raises InvalidImage for what is wrong with the field `param`."""

    max_pixels: int

    def picture(self, content: bytes, param: str) -> Image.Image:
        """The picture in a file, as RGB: upright, on white where it is transparent."""
        return self._load(content, param, _flatten)

    def mask(self, content: bytes, param: str, size: Size) -> Image.Image:
        """The mask in a file, for a picture of `size`, as L: from 0, which stays, to 255."""
        mask = self._load(content, param, mark)
        check_mask(mask, param, size)
        return mask

    def check_head(self, head: bytes, param: str) -> None:
        """Look at the beginning of a file; what it does not tell yet is no fault of it."""
        try:
            _, reader = _find_format(head, param)
            opened = reader(BytesIO(head))
        except Image.DecompressionBombError as error:
            raise self._too_many_pixels(param, error) from error
        except _FAULTS:
            return
        self._check_header(opened, param)

    def _load(self, content: bytes, param: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
        """The picture upright and with 8 bits a channel, converted."""
        opened = self._open(content, param)
        self._check_header(opened, param)
        _check_scans(opened, content, param)
        try:
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)
            return convert(_to_eight_bits(opened))
        except _FAULTS as error:
            raise _unreadable(param, error) from error

    def _open(self, content: bytes, param: str) -> ImageFile:
        """A file whose head is read, and nothing else of it."""
        _, reader = _find_format(content, param)
        if reader is PngImageFile and content.count(b"iCCP") > MAX_PROFILES:
            raise InvalidImage(param, "should have one colour profile at most, got many")
        try:
            # Not by Image.open, which has a limit of pixels of its own; the reader of WebP has it too.
            return reader(BytesIO(content))
        except Image.DecompressionBombError as error:
            raise self._too_many_pixels(param, error) from error
        except _FAULTS as error:
            raise _unreadable(param, error) from error

    def _check_header(self, opened: ImageFile, param: str) -> None:
        """Refuse by what the head of a file says, before its pixels take any memory."""
        width, height = opened.size
        if width * height > self.max_pixels:
            limit = f"at most {self.max_pixels} pixels"
            raise InvalidImage(param, f"should have {limit}, got {show_size(opened.size)} = {width * height}")
        num_frames = getattr(opened, "n_frames", 1)
        if num_frames > 1:
            raise InvalidImage(param, f"should be one still picture, got {num_frames} frames")
        if opened.mode == "CMYK":
            raise InvalidImage(param, "should be in RGB or grey, got CMYK")

    def _too_many_pixels(self, param: str, error: Exception) -> InvalidImage:
        return InvalidImage(param, f"should have at most {self.max_pixels} pixels: {error}")


def read_pictures(
    request: JobRequest, reader: PictureReader, sources: PictureSources
) -> dict[str, Image.Image]:
    """The pictures that a request comes with, by the names of their fields; `image` is always the first.

    Raises InvalidImage, InvalidRequest, PayloadTooLarge and StoreUnavailable.
    """
    if not isinstance(request, PictureRequest):
        return {}
    image = reader.picture(sources.load(request.image, "image"), "image")
    if not isinstance(request, InpaintingRequest):
        return {"image": image}
    return {"image": image, "mask": reader.mask(sources.load(request.mask, "mask"), "mask", image.size)}


def find_format(head: bytes, param: str) -> OutputFormat:
    """What kind of file begins like this. Raises InvalidImage."""
    return _find_format(head, param)[0]


def fit_picture(picture: Image.Image, stage: Stage) -> Image.Image:
    """The picture as a stage works on it: one that is drawn again is scaled and cut to its size."""
    return ImageOps.fit(picture, (stage.width, stage.height)) if isinstance(stage, ImageToImage) else picture


def encode_png(picture: Image.Image) -> bytes:
    """The picture as a PNG, written fast rather than small."""
    buffer = BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _check_scans(opened: ImageFile, content: bytes, param: str) -> None:
    if isinstance(opened, JpegImageFile) and has_more_scans(content, MAX_SCANS):
        raise InvalidImage(param, f"should have at most {MAX_SCANS} scans, got more")


def _find_format(head: bytes, param: str) -> tuple[OutputFormat, type[ImageFile]]:
    for signature, output_format, reader in _SIGNATURES:
        if signature.match(head):
            return output_format, reader
    given = f"one that begins with {head[:8]!r}"
    raise InvalidImage(param, f"should be a PNG, JPEG or WebP file, got {given}")


def _unreadable(param: str, error: Exception) -> InvalidImage:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return InvalidImage(param, f"is damaged or cut off: {reason}")


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    # Only grey pictures keep their 16 bits until here. Pillow would cut off what is brighter than 255.
    if picture.mode[0] != "I":
        return picture
    grey = picture.point(lambda value: value / 256).convert("L")
    # The grey that stands for transparent, if there is one, is a number of 16 bits.
    grey.info.clear()
    return grey


def _flatten(picture: Image.Image) -> Image.Image:
    # What is pasted leaves behind its profile, its texts and everything else that is not pixels.
    canvas = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        canvas.paste(layer, mask=layer.getchannel("A"))
    else:
        canvas.paste(picture.convert("RGB"))
    return canvas
