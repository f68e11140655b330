"""The catalog: which models there are, and which workers serve them now."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from redis import Redis

from worker.jobs.stages import Kind
from worker.jobs.value import Value

MODELS = "models"
#: When each model was last announced, in seconds since 1970.
ANNOUNCED = "models:announced"
#: The models that are missed while nobody serves them, as all who did have died rather than stopped.
EXPECTED = "models:expected"
WORKERS = "workers"
#: How long a model is remembered that nobody serves any more, while others are served.
REMEMBERED_SECONDS = 86_400

_Hash = TypeAdapter(dict[str, str])
_Texts = TypeAdapter(list[str])


class SamplerCard(Value):
    """A sampler of a model, and how it may be used."""

    name: str
    default_steps: int
    min_steps: int = 1
    max_steps: int
    #: Whether it takes guidance and a negative prompt.
    guidance: bool


class ModelCard(Value):
    """What a model can do, its limits and its defaults; sizes are of the pictures it makes, in pixels."""

    id: str
    kinds: tuple[Kind, ...] = Field(min_length=1)
    #: Width and height must be multiples of this.
    size_multiple: int = 1
    min_side: int = 1
    #: These two are 0 for a model that makes no pictures.
    max_side: int = 0
    max_pixels: int = 0
    #: The size that it was trained for; None for a model that enlarges.
    default_width: int | None = None
    default_height: int | None = None
    #: None for a model that makes no pictures.
    samplers: tuple[SamplerCard, ...] = ()
    default_sampler: str | None = None
    #: None for a model that takes no prompt.
    default_guidance_scale: float | None = None
    max_guidance_scale: float | None = None
    max_num_images: int = 1
    #: Of image-to-image; None for a model that does not do it.
    default_strength: float | None = None
    #: By how much it enlarges a picture; none for a model that draws.
    scales: tuple[int, ...] = ()
    #: Longest side of what it continues beyond its edges, window by window; 0 for a model that does not.
    max_outpainted_side: int = 0
    #: The model that reads its prompts in another worker; None for a model that reads them itself, or none.
    encoder: str | None = None


class WorkerCard(Value):
    """A worker that is alive."""

    id: str
    models: tuple[str, ...]
    queues: tuple[str, ...]
    device: str
    started_at: datetime
    #: How many jobs it holds at a time, of all its queues.
    concurrency: int = 1


Card = TypeVar("Card", ModelCard, WorkerCard)


class Catalog:
    """What workers announce and the gateway reads. Models are remembered for a day after their last worker.

    A card that another version of this program has written, in a form that is not ours, is left out.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def publish(self, worker: WorkerCard, cards: Sequence[ModelCard], ttl_seconds: float) -> None:
        """Announce a worker and its models; it counts as alive for `ttl_seconds` from now."""
        now = time.time()
        with self._redis.pipeline() as pipeline:
            for card in cards:
                pipeline.hset(MODELS, card.id, card.model_dump_json())
                pipeline.zadd(ANNOUNCED, {card.id: now})
            pipeline.set(_worker_key(worker.id), worker.model_dump_json(), px=int(ttl_seconds * 1000))
            pipeline.sadd(WORKERS, worker.id)
            pipeline.sadd(EXPECTED, *worker.models)
            pipeline.execute()
        self._forget_dead()
        self._forget_models(now - REMEMBERED_SECONDS)

    def withdraw(self, worker_id: str) -> None:
        """Take back what a worker announced, when it stops."""
        text = self._redis.get(_worker_key(worker_id))
        with self._redis.pipeline() as pipeline:
            pipeline.delete(_worker_key(worker_id))
            pipeline.srem(WORKERS, worker_id)
            pipeline.execute()
        worker = _read(WorkerCard, text or "")
        served = {model for card in self.workers() for model in card.models}
        if worker and (left := set(worker.models) - served):
            self._redis.srem(EXPECTED, *left)

    def models(self) -> dict[str, ModelCard]:
        """All models that are remembered, by id, in the order of their ids."""
        texts = _Hash.validate_python(self._redis.hgetall(MODELS))
        cards = {name: _read(ModelCard, texts[name]) for name in sorted(texts)}
        return {name: card for name, card in cards.items() if card is not None}

    def expected(self) -> set[str]:
        """Ids of the models that should be served: all but those whose last worker has stopped in order."""
        return set(_Texts.validate_python(list(self._redis.smembers(EXPECTED))))

    def workers(self) -> list[WorkerCard]:
        """The workers that are alive, in the order of their ids."""
        cards = [_read(WorkerCard, text) for text in self._announced().values() if text]
        return [card for card in cards if card is not None]

    def _forget_dead(self) -> None:
        dead = [name for name, text in self._announced().items() if not text]
        if dead:
            self._redis.srem(WORKERS, *dead)

    def _forget_models(self, before: float) -> None:
        for name in _Texts.validate_python(self._redis.zrangebyscore(ANNOUNCED, "-inf", before)):
            self._redis.hdel(MODELS, name)
            self._redis.zrem(ANNOUNCED, name)
            self._redis.srem(EXPECTED, name)

    def _announced(self) -> dict[str, str | bytes | None]:
        """What each worker has said of itself, by id; None when it has been silent for too long."""
        names = sorted(_Texts.validate_python(list(self._redis.smembers(WORKERS))))
        found = self._redis.mget([_worker_key(name) for name in names]) if names else []
        return dict(zip(names, found, strict=True))


def _worker_key(worker_id: str) -> str:
    return f"worker:{worker_id}"


def _read(kind: type[Card], text: str | bytes) -> Card | None:
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        return None
