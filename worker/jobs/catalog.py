"""The catalog: which models there are, and which workers serve them now."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field, TypeAdapter
from redis import Redis

from worker.jobs.job import Kind, Value

MODELS = "models"
WORKERS = "workers"

_Hash = TypeAdapter(dict[str, str])
_Texts = TypeAdapter(list[str])


class SamplerCard(Value):
    """A sampler of a model, and how it may be used."""

    name: str
    default_steps: int
    max_steps: int
    #: Whether it takes guidance and a negative prompt.
    guidance: bool


class ModelCard(Value):
    """What a model can do, its limits and its defaults; sizes are in pixels."""

    id: str
    kinds: tuple[Kind, ...] = Field(min_length=1)
    #: Width and height must be multiples of this.
    size_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    default_width: int
    default_height: int
    samplers: tuple[SamplerCard, ...] = Field(min_length=1)
    default_sampler: str
    default_guidance_scale: float
    max_guidance_scale: float
    max_num_images: int


class WorkerCard(Value):
    """A worker that is alive."""

    id: str
    models: tuple[str, ...]
    queues: tuple[str, ...]
    device: str
    started_at: datetime


class Catalog:
    """What workers announce and the gateway reads. Models are remembered after their last worker has gone."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def publish(self, worker: WorkerCard, cards: Sequence[ModelCard], ttl_seconds: float) -> None:
        """Announce a worker and its models; it counts as alive for `ttl_seconds` from now."""
        with self._redis.pipeline() as pipeline:
            for card in cards:
                pipeline.hset(MODELS, card.id, card.model_dump_json())
            pipeline.set(_worker_key(worker.id), worker.model_dump_json(), px=int(ttl_seconds * 1000))
            pipeline.sadd(WORKERS, worker.id)
            pipeline.execute()
        self._forget_dead()

    def withdraw(self, worker_id: str) -> None:
        """Take back what a worker announced, when it stops."""
        with self._redis.pipeline() as pipeline:
            pipeline.delete(_worker_key(worker_id))
            pipeline.srem(WORKERS, worker_id)
            pipeline.execute()

    def models(self) -> dict[str, ModelCard]:
        """All models that were ever announced, by id, in the order of their ids."""
        cards = _Hash.validate_python(self._redis.hgetall(MODELS))
        return {name: ModelCard.model_validate_json(cards[name]) for name in sorted(cards)}

    def workers(self) -> list[WorkerCard]:
        """The workers that are alive, in the order of their ids."""
        return [card for card in self._cards().values() if card is not None]

    def _forget_dead(self) -> None:
        dead = [name for name, card in self._cards().items() if card is None]
        if dead:
            self._redis.srem(WORKERS, *dead)

    def _cards(self) -> dict[str, WorkerCard | None]:
        names = sorted(_Texts.validate_python(list(self._redis.smembers(WORKERS))))
        found = self._redis.mget([_worker_key(name) for name in names]) if names else []
        cards = [WorkerCard.model_validate_json(text) if text else None for text in found]
        return dict(zip(names, cards, strict=True))


def _worker_key(worker_id: str) -> str:
    return f"worker:{worker_id}"
