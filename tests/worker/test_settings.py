"""Settings of a worker."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.settings import WorkerSettings


def test_queues_are_separated_by_commas() -> None:
    assert WorkerSettings(queues="images,superres").queue_names == ("images", "superres")
    assert WorkerSettings().queue_names == ()


def test_models_are_separated_by_commas() -> None:
    assert WorkerSettings(models="a,b").model_names == ("a", "b")


def test_folders_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDINSKY_CHECKPOINTS", "/a,b/c")
    assert WorkerSettings().checkpoints == (Path("/a"), Path("b/c"))


@pytest.mark.parametrize("queues", ["pictures", "images,", "images, images"])
def test_an_unknown_queue_is_refused(queues: str) -> None:
    with pytest.raises(ValidationError, match=r"no queue is called '.*'; there is images"):
        WorkerSettings(queues=queues)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "meta"])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ValidationError, match="device"):
        WorkerSettings(device=device)


@pytest.mark.parametrize("name", ["heartbeat_seconds", "reap_interval_seconds"])
def test_less_than_redis_can_time_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        WorkerSettings(**{name: 0.0001})
