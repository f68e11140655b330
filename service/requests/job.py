"""What every request has, whatever becomes of it."""

import json
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from worker.jobs.addresses import MAX_URL_CHARACTERS
from worker.jobs.job import Priority, WebhookEvent
from worker.jobs.stages import MAX_SEED, Kind

MAX_NAME_CHARACTERS = 200
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 32
MAX_DEADLINE_SECONDS = 7 * 86400


class JobRequest(BaseModel):
    """What every request has. What is left out is taken from the model's defaults."""

    # Strict: "512" is not a number and true is not 1. A caller who mixes them up should hear of it.
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, frozen=True)

    #: What becomes of it.
    kind: ClassVar[Kind]

    model: str | None = Field(
        default=None,
        max_length=MAX_NAME_CHARACTERS,
        description="A model of `GET /v1/models`. If left out: of those that can do it and are served now, "
        "the one with most steps, which is the best rather than the fastest.",
    )
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="Equal seeds give equal results.")
    priority: Annotated[Priority, Field(strict=False)] = Field(
        default=Priority.INTERACTIVE, description="`batch` gives way to `interactive`."
    )
    deadline_seconds: float | None = Field(
        default=None,
        gt=0,
        le=MAX_DEADLINE_SECONDS,
        allow_inf_nan=False,
        description="If the job has not started by then it ends as `expired`.",
    )
    webhook_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="Address that is told what becomes of the job, by the rules of Standard Webhooks.",
    )
    webhook_events: list[Annotated[WebhookEvent, Field(strict=False)]] | None = Field(
        default=None, min_length=1, description="What it is told; how the job ends if left out."
    )
    metadata: dict[str, JsonValue] = Field(
        default={}, description="Returned untouched; at most 16 KiB of JSON."
    )

    @property
    def path(self) -> str:
        """Where it is sent to."""
        return f"/v1/{self.kind}"

    @field_validator("metadata", mode="before")
    @classmethod
    def _check_metadata(cls, value: object) -> object:
        if _is_deeper(value, MAX_METADATA_DEPTH):
            raise ValueError(f"should be nested at most {MAX_METADATA_DEPTH} deep")
        # Also refuses NaN and broken Unicode, which JSON cannot carry back.
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
        if size > MAX_METADATA_BYTES:
            raise ValueError(f"should have at most {MAX_METADATA_BYTES} bytes of JSON, has {size}")
        return value


def _is_deeper(value: object, limit: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(limit == 0 or _is_deeper(child, limit - 1) for child in children)
