"""Everything that a gateway can be asked, through the client."""

import threading
from pathlib import Path

import pytest
from PIL import Image
from redis import Redis

import service.client.kandinsky
from service.client import ClientError, Kandinsky
from service.requests import ImageToImageRequest, TextToImageRequest
from service.up.valkey import free_port
from tests.pictures import encoded
from tests.service.client.conftest import Answer, Script
from tests.service.conftest import PICTURE, FakeWorker
from worker.jobs.job import JobError, Status, new_job_id
from worker.jobs.keys import KeyStore
from worker.jobs.stages import Kind

APPLE = TextToImageRequest(prompt="a red apple", seed=7)
FILE = encoded(Image.new("RGB", (128, 128), "red"))


def test_a_job_goes_all_the_way(client: Kandinsky, worker: FakeWorker, tmp_path: Path) -> None:
    job = client.submit(APPLE)
    player = threading.Thread(target=worker.run, args=(job.id,))
    player.start()
    ended = client.wait(job.id)
    player.join()
    client.save(ended.outputs[0], tmp_path / "apple.png")
    assert (ended.status, ended.input.seed) == (Status.SUCCEEDED, 7)
    assert (tmp_path / "apple.png").read_bytes() == PICTURE


def test_events_end_with_the_job(client: Kandinsky, worker: FakeWorker) -> None:
    job = client.submit(APPLE)
    events = client.events(job.id)
    first = next(events)
    worker.run(job.id)
    assert [first.type, *(event.type for event in events)] == ["status", "status", "output", "status"]


def test_cancel_ends_a_job(client: Kandinsky) -> None:
    job = client.submit(APPLE)
    assert client.cancel(job.id).status is Status.CANCELED
    assert client.get(job.id).status is Status.CANCELED


def test_a_failed_job_is_no_error_of_the_client(client: Kandinsky, worker: FakeWorker) -> None:
    job = client.submit(APPLE)
    worker.store.fail(worker.claim(job.id), JobError(code="internal", message="out of paint"))
    ended = client.wait(job.id)
    assert ended.error == JobError(code="internal", message="out of paint")


def test_a_refusal_carries_the_message_of_the_gateway(client: Kandinsky) -> None:
    with pytest.raises(ClientError, match="width should be a multiple of 64") as caught:
        client.submit(APPLE.model_copy(update={"width": 500, "model_fields_set": {"width"}}))
    assert caught.value.code == "invalid_request"


def test_an_unknown_job_is_told(client: Kandinsky) -> None:
    with pytest.raises(ClientError, match="no job"):
        next(client.events(new_job_id()))


def test_a_gateway_that_is_not_there_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with (
        Kandinsky(url, max_attempts=1) as client,
        pytest.raises(ClientError, match=f"cannot reach the gateway at {url}"),
    ):
        client.submit(APPLE)


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://host"])
def test_a_url_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ClientError), Kandinsky(url, max_attempts=1) as client:
        client.submit(APPLE)


def test_something_else_that_answers_is_told(gateway_url: str) -> None:
    with Kandinsky(f"{gateway_url}/docs") as client, pytest.raises(ClientError):
        client.submit(APPLE)


def test_a_stream_that_breaks_off_is_resumed(
    client: Kandinsky, redis: Redis, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.client.kandinsky, "RESUME_SECONDS", 0.01)
    job = client.submit(APPLE)
    events = client.events(job.id)
    next(events)
    redis.client_kill_filter(_type="normal", skipme=True)
    claim = worker.claim(job.id)
    for step in (1, 2, 3):
        worker.report(claim, step)
    worker.succeed(claim)
    steps = [event.data["step"] for event in events if event.type == "progress"]
    assert steps == [1, 2, 3]


def test_a_picture_that_cannot_be_written_is_told(
    client: Kandinsky, worker: FakeWorker, tmp_path: Path
) -> None:
    job = client.submit(APPLE)
    worker.run(job.id)
    with pytest.raises(ClientError, match="cannot write"):
        client.save(client.get(job.id).outputs[0], tmp_path / "missing" / "apple.png")


def test_one_key_is_one_job(client: Kandinsky) -> None:
    first, again, other = (client.submit(APPLE, key) for key in ("mine", "mine", None))
    assert first.id == again.id != other.id


def test_jobs_are_listed_over_all_pages(client: Kandinsky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.client.kandinsky, "PAGE", 2)
    ids = [client.submit(APPLE).id for _ in range(5)]
    assert {job.id for job in client.jobs()} == set(ids)


def test_jobs_are_listed_by_kind_and_status(client: Kandinsky) -> None:
    canceled, queued = (client.submit(APPLE).id for _ in range(2))
    client.cancel(canceled)
    assert [job.id for job in client.jobs(status=Status.CANCELED)] == [canceled]
    assert [job.id for job in client.jobs(Kind.TEXT_TO_IMAGE, Status.QUEUED)] == [queued]
    assert list(client.jobs(kind=Kind.INPAINTING)) == []


def test_a_deleted_job_is_gone(client: Kandinsky) -> None:
    job = client.submit(APPLE)
    client.delete(job.id)
    with pytest.raises(ClientError, match="no job") as caught:
        client.get(job.id)
    assert (caught.value.code, caught.value.status) == ("not_found", 404)


@pytest.mark.usefixtures("family")
def test_an_uploaded_picture_can_be_worked_on(client: Kandinsky, tmp_path: Path) -> None:
    path = tmp_path / "apple.png"
    path.write_bytes(FILE)
    uploads = client.upload(path), client.upload(FILE)
    request = ImageToImageRequest.model_validate(
        {"prompt": "a green apple", "image": {"upload": uploads[0].id}}
    )
    assert client.submit(request).kind is Kind.IMAGE_TO_IMAGE
    assert [(upload.width, upload.size) for upload in uploads] == [(128, len(FILE))] * 2


def test_a_file_that_cannot_be_read_is_told(client: Kandinsky, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"cannot read .*apple\.png: No such file"):
        client.upload(tmp_path / "apple.png")


def test_models_and_queues_are_told(client: Kandinsky) -> None:
    job = client.submit(APPLE)
    [model], [queue] = client.models(), client.queue()
    assert (model.id, model.kinds) == ("tiny", [Kind.TEXT_TO_IMAGE])
    assert (queue.model, queue.depth, job.queue_position) == ("tiny", 1, 0)


def test_a_picture_may_lie_elsewhere(script: Script, client: Kandinsky, worker: FakeWorker) -> None:
    job = client.submit(APPLE)
    worker.run(job.id)
    [output] = client.get(job.id).outputs
    script.answers += [Answer(307, headers={"Location": "/elsewhere"}), Answer(200, "there")]
    with Kandinsky(script.url) as other:
        assert other.load(output) == b'"there"'


def test_a_key_opens_a_gateway_that_wants_one(keyed_url: str, catalog: object, keys: KeyStore) -> None:
    _, token = keys.create("studio")
    with Kandinsky(keyed_url) as nobody, Kandinsky(keyed_url, token) as studio:
        job = studio.submit(APPLE)
        with pytest.raises(ClientError) as caught:
            nobody.get(job.id)
    assert (caught.value.code, caught.value.status) == ("unauthorized", 401)
