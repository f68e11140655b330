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


@pytest.mark.parametrize("name", ["max_step_seconds", "mock_step_seconds"])
def test_more_than_a_thread_can_wait_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        WorkerSettings(**{name: "inf"})


def test_mock_models_stand_alone() -> None:
    assert WorkerSettings(checkpoints="mock").is_mock
    assert not WorkerSettings(checkpoints="/srv/mock").is_mock
    with pytest.raises(ValidationError, match="mock stands for all mock models"):
        WorkerSettings(checkpoints="mock,/srv/kandinsky-3")


@pytest.mark.parametrize("failures", ["fire", "error,", "error, oom", ""])
def test_an_unknown_failure_is_refused(failures: str) -> None:
    with pytest.raises(ValidationError, match=r"no failure is called '.*'; there is error, oom, crash, hang"):
        WorkerSettings(mock_failures=failures)


def test_failures_are_separated_by_commas() -> None:
    assert WorkerSettings(mock_failures="oom,hang").mock_failure_names == ("oom", "hang")


def test_a_watermark_is_short() -> None:
    assert WorkerSettings(watermark="x" * 16).watermark
    with pytest.raises(ValidationError, match="should have at most 16 bytes in UTF-8, has 18"):
        WorkerSettings(watermark="кандинский"[:9])
