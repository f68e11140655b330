"""The catalog of models and living workers."""

from datetime import UTC, datetime

import pytest
from redis import Redis

from tests.polling import until
from worker.jobs.catalog import Catalog, ModelCard, SamplerCard, WorkerCard
from worker.jobs.stages import Kind


@pytest.fixture
def catalog(redis: Redis) -> Catalog:
    return Catalog(redis)


def model(name: str, max_side: int = 128) -> ModelCard:
    return ModelCard(
        id=name,
        kinds=(Kind.TEXT_TO_IMAGE,),
        size_multiple=8,
        min_side=32,
        max_side=max_side,
        max_pixels=128 * 128,
        default_width=64,
        default_height=64,
        samplers=(SamplerCard(name="ddpm", default_steps=25, max_steps=100, guidance=True),),
        default_sampler="ddpm",
        default_guidance_scale=3.0,
        max_guidance_scale=20.0,
        max_num_images=4,
    )


def worker(name: str) -> WorkerCard:
    return WorkerCard(
        id=name, models=("tiny",), queues=("images",), device="cpu", started_at=datetime.now(UTC)
    )


def test_an_empty_catalog(catalog: Catalog) -> None:
    assert (catalog.models(), catalog.workers()) == ({}, [])


def test_publish(catalog: Catalog) -> None:
    second, first = worker("b"), worker("a")
    catalog.publish(second, [model("tiny")], ttl_seconds=60)
    catalog.publish(first, [model("large"), model("tiny")], ttl_seconds=60)
    assert catalog.workers() == [first, second]
    assert catalog.models() == {"large": model("large"), "tiny": model("tiny")}


def test_a_model_that_enlarges(catalog: Catalog) -> None:
    card = ModelCard(
        id="x4",
        kinds=(Kind.SUPER_RESOLUTION,),
        size_multiple=1,
        min_side=4,
        max_side=512,
        max_pixels=512 * 512,
        samplers=(SamplerCard(name="dpmsolver++", default_steps=5, max_steps=50, guidance=False),),
        default_sampler="dpmsolver++",
        scales=(4,),
    )
    catalog.publish(worker("a"), [card], ttl_seconds=60)
    assert catalog.models() == {"x4": card}


def test_a_newer_card_replaces_the_older(catalog: Catalog) -> None:
    for max_side in (64, 128):
        catalog.publish(worker("a"), [model("tiny", max_side)], ttl_seconds=60)
    assert catalog.models()["tiny"].max_side == 128


def test_models_outlive_their_workers(catalog: Catalog) -> None:
    catalog.publish(worker("a"), [model("tiny")], ttl_seconds=60)
    catalog.withdraw("a")
    assert catalog.workers() == []
    assert list(catalog.models()) == ["tiny"]


def test_a_model_is_expected_until_its_last_worker_stops(catalog: Catalog) -> None:
    for name in ("a", "b"):
        catalog.publish(worker(name), [model("tiny")], ttl_seconds=60)
    catalog.withdraw("a")
    assert catalog.expected() == {"tiny"}
    catalog.withdraw("b")
    assert catalog.expected() == set()


def test_a_model_is_expected_though_its_worker_has_died(catalog: Catalog, redis: Redis) -> None:
    catalog.publish(worker("a"), [model("tiny")], ttl_seconds=60)
    redis.delete("worker:a")
    catalog.withdraw("a")
    assert catalog.expected() == {"tiny"}


def test_a_model_is_forgotten_a_day_after_its_last_worker(catalog: Catalog, redis: Redis) -> None:
    catalog.publish(worker("a"), [model("old"), model("older")], ttl_seconds=60)
    redis.zincrby("models:announced", -80_000, "old")
    redis.zincrby("models:announced", -90_000, "older")
    catalog.publish(worker("b"), [model("tiny")], ttl_seconds=60)
    assert list(catalog.models()) == ["old", "tiny"]


def test_a_silent_worker_is_not_listed(catalog: Catalog, redis: Redis) -> None:
    catalog.publish(worker("a"), [model("tiny")], ttl_seconds=0.001)
    until(lambda: not catalog.workers())
    catalog.publish(worker("b"), [model("tiny")], ttl_seconds=60)
    assert redis.smembers("workers") == {b"b"}


def test_cards_of_another_version_are_left_out(catalog: Catalog, redis: Redis) -> None:
    catalog.publish(worker("a"), [model("tiny")], ttl_seconds=60)
    catalog.publish(worker("b"), [model("old")], ttl_seconds=60)
    redis.hset("models", "old", '{"id": "old"}')
    redis.set("worker:b", '{"id": "b", "news": 1}')
    assert (list(catalog.models()), [card.id for card in catalog.workers()]) == (["tiny"], ["a"])
    catalog.publish(worker("a"), [model("tiny")], ttl_seconds=60)
    assert redis.smembers("workers") == {b"a", b"b"}
