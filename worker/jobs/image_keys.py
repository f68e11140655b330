"""Where each picture lies in the image store, and the id by which callers name it."""

import re

from worker.jobs.errors import ImageNotFound
from worker.jobs.stages import OutputFormat

_image_id = re.compile(r"(job_[0-9a-z]{26})-(\d{1,4})").fullmatch


def folder(owner_id: str) -> str:
    """Where everything of a job or an upload lies, by its id.

    Folders are spread over some hundred others: of one that has millions of entries, some stores are slow.
    """
    return f"{owner_id[-2:]}/{owner_id}"


def picture_key(job_id: str, index: int, output_format: OutputFormat) -> str:
    """Where a picture of a job lies in the store."""
    return f"{folder(job_id)}/{index}.{output_format.value}"


def input_key(job_id: str, name: str) -> str:
    """Where a picture that a job came with, such as `image` or `mask`, lies in the store: a PNG."""
    return f"{folder(job_id)}/inputs/{name}.png"


def drawn_key(job_id: str, stage_index: int, index: int) -> str:
    """Where a picture that one stage of a job leaves to the next lies in the store: a PNG in RGB."""
    return f"{folder(job_id)}/drawn/{stage_index}-{index}.png"


def states_key(job_id: str) -> str:
    """Where the prompts of a job lie in the store, as its text encoder has read them: a safetensors file."""
    return f"{folder(job_id)}/states.safetensors"


def uploaded_key(upload_id: str, output_format: OutputFormat) -> str:
    """Where a picture that was uploaded lies in the store."""
    return f"{folder(upload_id)}/upload.{output_format.value}"


def image_id(job_id: str, index: int) -> str:
    """The public id of a picture; its job says where it lies and who may see it."""
    return f"{job_id}-{index}"


def parse_image_id(text: str) -> tuple[str, int]:
    """Job id and index of a public image id. Raises ImageNotFound for what cannot be one."""
    match = _image_id(text)
    if match is None:
        raise ImageNotFound(text)
    return match[1], int(match[2])
