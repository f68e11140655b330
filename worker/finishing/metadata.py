"""The parameters that a picture was made with, in the file of the picture itself, as one JSON object.

In a PNG they are the international text "parameters"; in WebP and JPEG the Exif user comment.
"""

import json
import zlib
from functools import cache
from importlib.metadata import version

from PIL import Image
from PIL.ExifTags import IFD, Base
from pydantic import JsonValue

from worker.jobs.job import Job

SOFTWARE = "Kandinsky Serve"
KEYWORD = b"parameters"
#: Where the header of a PNG ends: a signature of 8 bytes, and a chunk of 13 with the 12 that every chunk has.
END_OF_HEADER = 33
#: What a JPEG has room for, less the rest of the Exif block.
MAX_EXIF_BYTES = 65_000
#: What says where a picture was kept or how it is to be stored, and nothing about what it shows.
_UNTOLD = {"image", "mask", "output_format", "output_quality"}

Parameters = dict[str, JsonValue]


@cache
def service_version() -> str:
    """Version of what makes the pictures."""
    return version("kandinsky-serve")


def parameters_of(job: Job, index: int) -> Parameters:
    """What it takes to make a picture of a job again; equal requests have equal parameters."""
    stages = [{"kind": stage.kind.value, "model": stage.model} for stage in job.stages]
    asked = job.input.model_dump(mode="json", exclude=_UNTOLD, exclude_none=True)
    said = {} if job.text is None else {"text": job.text}
    return {"software": _software(), **asked, **said, "index": index, "stages": [*stages]}


def with_text(png: bytes, parameters: Parameters) -> bytes:
    """The PNG with its parameters as a chunk before the pixels (PNG specification, 11.3.3.4)."""
    text = json.dumps(parameters, ensure_ascii=False).encode()
    body = b"iTXt" + KEYWORD + bytes(5) + text
    chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    return png[:END_OF_HEADER] + chunk + png[END_OF_HEADER:]


def exif_of(parameters: Parameters) -> bytes:
    """The parameters as an Exif block; nothing if they are too long for one."""
    exif = Image.Exif()
    exif[Base.Software] = _software()
    # Written in ASCII, which every reader of Exif understands; other letters are escaped, as JSON has it.
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0" + json.dumps(parameters).encode()
    block = exif.tobytes()
    return block if len(block) <= MAX_EXIF_BYTES else b""


def _software() -> str:
    return f"{SOFTWARE} {service_version()}"
