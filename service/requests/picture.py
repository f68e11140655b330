"""A picture in a request: the file itself as text or bytes, or where the service has it already."""

import hashlib
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, TypeAdapter

#: More digits than any index has, and longer than any id.
MAX_INDEX, MAX_ID_CHARACTERS = 9999, 100

#: A file in base64 or as a data URL, or the address of one.
PictureText = Annotated[str, Field(min_length=1, strict=True)]


class _Reference(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, frozen=True)


class UploadReference(_Reference):
    """A picture that was uploaded before."""

    upload: str = Field(
        min_length=1, max_length=MAX_ID_CHARACTERS, description="The `id` that `POST /v1/images` gave it."
    )


class JobReference(_Reference):
    """A picture that an earlier job has made."""

    job: str = Field(min_length=1, max_length=MAX_ID_CHARACTERS, description="The `id` of the job.")
    index: int = Field(default=0, ge=0, le=MAX_INDEX, description="Which of its pictures.")


@dataclass(frozen=True)
class PictureFile:
    """A file that came as bytes, as in a form; no JSON can say this."""

    #: Too long to be shown, as in an error or a log.
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """What stands for the file where its bytes are too long."""
        return hashlib.sha256(self.content).hexdigest()


_text = TypeAdapter(PictureText)


def _choose(value: object) -> object:
    """The picture in the form that it came in. Raises ValidationError."""
    if isinstance(value, PictureFile | UploadReference | JobReference):
        return value
    if isinstance(value, dict):
        reference = JobReference if "job" in value else UploadReference
        return reference.model_validate(value)
    return _text.validate_python(value.strip() if isinstance(value, str) else value)


def _shorten(picture: object) -> object:
    return {"sha256": picture.digest} if isinstance(picture, PictureFile) else picture


#: A picture as callers give it.
Picture = Annotated[
    str | UploadReference | JobReference | PictureFile,
    PlainValidator(_choose, json_schema_input_type=PictureText | UploadReference | JobReference),
    PlainSerializer(_shorten),
]
