"""What callers of FusionBrain's API get."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Availability = Literal["ACTIVE", "DISABLED_BY_QUEUE"]


class Pipeline(BaseModel):
    """A model that draws pictures of prompts."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    id: str
    uuid: str = Field(description="The same as `id`.")
    name: str
    name_en: str = Field(alias="nameEn")
    description: str = ""
    description_en: str = Field(default="", alias="descriptionEn")
    tags: list[str] = []
    version: float = 3.1
    image_preview: str | None = Field(default=None, alias="imagePreview")
    status: Availability
    type: Literal["TEXT2IMAGE"] = "TEXT2IMAGE"


class PipelineStatus(BaseModel):
    """Whether a pipeline takes requests now."""

    pipeline_status: Availability


class RunResponse(BaseModel):
    """A request that has been taken in."""

    uuid: str
    status: Literal["INITIAL"] = "INITIAL"


class Result(BaseModel):
    """What has become of a request that is done."""

    files: list[str] = Field(description="The pictures in base64, without those that were censored.")
    censored: bool = Field(description="Whether the content rules did not allow the prompt or a picture.")


class RunStatus(BaseModel):
    """Where a request stands."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    uuid: str
    status: Literal["INITIAL", "PROCESSING", "DONE", "FAIL"]
    error_description: str | None = Field(default=None, alias="errorDescription")
    result: Result | None = Field(default=None, description="Null until it is done.")
    generation_time: int | None = Field(
        default=None, alias="generationTime", description="Seconds from start to end."
    )


class FusionStyle(BaseModel):
    """A style, as FusionBrain lists them."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    name: str = Field(description="For `style` in requests.")
    title: str
    title_en: str = Field(alias="titleEn")
    image: str = Field(default="", description="Always empty: there is no sample picture.")
