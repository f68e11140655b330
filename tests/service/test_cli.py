"""`kandinsky generate` and its sisters, as a user types them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from PIL import Image
from redis import Redis
from typer.testing import CliRunner, Result

from service.cli import app
from service.up.valkey import free_port
from tests.polling import until
from tests.service.conftest import PICTURE, FakeWorker
from worker.jobs.job import Inpainting, Job, JobError, Status
from worker.jobs.queue import waiting
from worker.jobs.store import JobStore

Generate = Callable[..., Result]


@pytest.fixture
def generate(http: httpx.Client) -> Generate:
    """Runs `kandinsky generate` against the gateway of the tests."""

    return partial(_invoke, http, "generate")


def _invoke(http: httpx.Client, *arguments: object) -> Result:
    """Runs `kandinsky` with these arguments against the gateway of the tests."""
    return CliRunner().invoke(app, [*map(str, arguments), "--url", str(http.base_url)])


def _play(redis: Redis, act: Callable[[str], Job], queue: str = "images") -> threading.Thread:
    """Let a worker act on the next job."""

    def play() -> None:
        until(lambda: waiting(redis, queue))
        act(*waiting(redis, queue))

    thread = threading.Thread(target=play)
    thread.start()
    return thread


def test_a_prompt_becomes_a_file(
    generate: Generate, worker: FakeWorker, redis: Redis, tmp_path: Path
) -> None:
    path = tmp_path / "apple.png"
    player = _play(redis, worker.run)
    result = generate("a red apple", "--seed", 7, "--steps", 3, "-o", path)
    player.join()
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    assert path.read_bytes() == PICTURE


def test_several_pictures_are_numbered(
    generate: Generate, worker: FakeWorker, redis: Redis, tmp_path: Path
) -> None:
    player = _play(redis, worker.run)
    result = generate("a red apple", "--num-images", 2, "-o", tmp_path / "apple.webp")
    player.join()
    assert result.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["apple-0.webp", "apple-1.webp"]


def test_the_suffix_chooses_the_format_and_options_arrive(
    generate: Generate, worker: FakeWorker, redis: Redis, tmp_path: Path
) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0])
    wishes = ["--negative-prompt", "y", "--guidance-scale", 4, "--aspect-ratio", "2:3"]
    generate("x", *wishes, "-o", tmp_path / "x.jpg")
    player.join()
    wanted = jobs[0].input
    assert (wanted.output_format, wanted.negative_prompt, wanted.guidance_scale) == ("jpeg", "y", 4.0)
    assert (wanted.width, wanted.height) == (384, 576)


def test_a_failed_job_is_exit_code_1(
    generate: Generate, worker: FakeWorker, redis: Redis, store: JobStore, tmp_path: Path
) -> None:
    error = JobError(code="internal", message="out of paint")
    player = _play(redis, lambda job_id: store.fail(worker.claim(job_id), error))
    result = generate("x", "-o", tmp_path / "x.png")
    player.join()
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        1,
        "kandinsky: the job failed: out of paint (internal)",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x", "--width", "500"], "width should be a multiple of 64 for model tiny, got 500"),
        (["x", "--model", "sdxl"], "model should be one of tiny for text-to-image, got 'sdxl'"),
        (["x", "--steps", "0"], "steps should be greater than or equal to 1, got 0"),
        (["x", "--aspect-ratio", "7:3"], "aspect_ratio should be"),
        ([""], "prompt should have at least 1 character, got ''"),
        (["x", "-o", "x.gif"], "x.gif should end in .png, .webp, .jpg, .jpeg"),
        (["x", "-o", "nowhere/x.png"], "the folder of nowhere/x.png does not exist"),
    ],
)
def test_a_refused_input_is_one_line_and_exit_code_1(
    generate: Generate, arguments: list[str], said: str
) -> None:
    result = generate(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"kandinsky: {said}")
    assert result.stderr.count("\n") == 1


@pytest.fixture
def files(family: None, tmp_path: Path) -> Path:
    """A folder with a picture and its mask, for a gateway that can do something with them."""
    Image.new("RGB", (128, 192)).save(tmp_path / "cat.png")
    Image.new("L", (128, 192), 255).save(tmp_path / "mask.png")
    return tmp_path


def test_inpaint_sends_picture_and_mask(
    http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path
) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0])
    given = ("--image", files / "cat.png", "--mask", files / "mask.png", "-o", files / "dog.png")
    result = _invoke(http, "inpaint", "a dog", *given, "--feather", 4, "--no-paste-back")
    player.join()
    wanted = jobs[0].input
    assert (result.exit_code, result.stdout) == (0, f"{files / 'dog.png'}\n")
    assert isinstance(wanted, Inpainting)
    assert (wanted.prompt, wanted.width, wanted.feather, wanted.paste_back) == ("a dog", 128, 4, False)


def test_upscale_sends_the_picture(http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0], "superres")
    result = _invoke(http, "upscale", files / "cat.png", "--scale", 4, "-o", files / "large.webp")
    player.join()
    wanted = jobs[0].input
    assert (result.exit_code, result.stdout) == (0, f"{files / 'large.webp'}\n")
    assert (wanted.width, wanted.height, wanted.output_format) == (512, 768, "webp")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["upscale", "nothing.png"], "cannot read nothing.png: No such file or directory"),
        (
            ["upscale", "mask.txt"],
            "image should be a PNG, JPEG or WebP file, got one that begins with",
        ),
        (["upscale", "cat.png", "--scale", "3"], "scale should be 2 or 4, got 3"),
        (["inpaint", "x", "--image", "cat.png", "--mask", "mask.txt"], "mask should be a PNG"),
    ],
)
def test_a_picture_that_cannot_be_used_is_one_line_and_exit_code_1(
    http: httpx.Client, files: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(files)
    Path("mask.txt").write_text("white")
    result = _invoke(http, *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"kandinsky: {said}")
    assert result.stderr.count("\n") == 1


def test_no_gateway_is_one_line_and_exit_code_1() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = CliRunner().invoke(app, ["generate", "x", "--url", url])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"kandinsky: cannot reach the gateway at {url}: ")
    assert result.stderr.count("\n") == 1


def test_ctrl_c_cancels_the_job(gateway_url: str, http: httpx.Client, redis: Redis, store: JobStore) -> None:
    command = [sys.executable, "-m", "service.cli", "generate", "a red apple", "--url", gateway_url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: redis.info("clients")["blocked_clients"])
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    (job_id,) = waiting(redis, "images")
    assert store.get(job_id).status is Status.CANCELED
    assert (process.returncode, errors.splitlines()[-1]) == (130, "canceled")


def test_worker_becomes_the_worker_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    CliRunner().invoke(app, ["worker", "--checkpoints", "demo", "--device", "cuda:1", "--queues", "images"])
    ((binary, arguments, environment),) = calls
    assert [binary, *arguments] == [sys.executable, sys.executable, "-m", "worker.main"]
    given = {name: value for name, value in environment.items() if name.startswith("KANDINSKY_")}
    assert given == {
        "KANDINSKY_CHECKPOINTS": "demo",
        "KANDINSKY_DEVICE": "cuda:1",
        "KANDINSKY_QUEUES": "images",
    }


def test_worker_without_its_libraries_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.WORKER_LIBRARIES", ("json", "no_such_library"))
    result = CliRunner().invoke(app, ["worker"])
    assert result.exit_code == 1
    assert "needs no_such_library: install kandinsky-serve[worker]" in result.output


def test_up_is_given_what_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("service.up.run.run", lambda *call: calls.append(call) or 3)
    result = CliRunner().invoke(app, ["up", "--port", "9000", "--data", "here"])
    assert result.exit_code == 3
    assert calls == [(9000, "127.0.0.1", Path("here"), None)]
