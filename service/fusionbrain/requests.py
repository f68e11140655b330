"""What callers of FusionBrain's API send."""

from typing import Annotated, Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from service.bodies.forms import Form, decode
from service.dialect import DialectBody
from service.errors import InvalidRequest


class GenerateParams(BaseModel):
    """What the picture shows."""

    model_config = ConfigDict(str_strip_whitespace=True)

    query: str = Field(min_length=1, description="The prompt.")


class RunParams(BaseModel):
    """How to draw; fields that are not named here are ignored, as FusionBrain does."""

    model_config = ConfigDict(str_strip_whitespace=True, serialize_by_alias=True)

    type: Literal["GENERATE"] = "GENERATE"
    style: str | None = Field(
        default=None, max_length=200, description="A name of `/static/styles/key`; `DEFAULT` is none."
    )
    width: int | None = Field(
        default=None, ge=1, le=16384, description="In pixels, brought to the nearest that the model can draw."
    )
    height: int | None = Field(default=None, ge=1, le=16384, description="In pixels, likewise.")
    num_images: int | None = Field(default=None, ge=1, alias="numImages", description="1 by default.")
    negative_prompt: str | None = Field(default=None, alias="negativePromptDecoder")
    generate_params: GenerateParams = Field(alias="generateParams")


class Run(BaseModel):
    """A request for pictures, as it comes in a form."""

    pipeline_id: str = Field(description="An id of `GET /key/api/v1/pipelines`.")
    params: RunParams


def read_run(form: Form) -> dict[str, object]:
    """The fields of a `Run` in a form; its `params` are JSON, in a field or a file. Raises InvalidRequest."""
    fields: dict[str, object] = dict(form)
    for name, value in form:
        if name == "params":
            fields[name] = _parse(value)
        elif isinstance(value, bytes):
            fields[name] = decode(name, value)
    return fields


def _parse(params: str | bytes) -> object:
    try:
        return from_json(params)
    except ValueError as error:
        raise InvalidRequest(f"params should be JSON: {error}", param="params") from error


TheRun = Annotated[Run, Depends(DialectBody(Run, read_run))]
