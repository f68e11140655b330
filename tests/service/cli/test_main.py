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
from typer.main import get_command
from typer.testing import CliRunner, Result

from service.cli.main import app
from service.up.valkey import free_port
from tests.polling import until
from tests.service.conftest import PICTURE, FakeWorker, receipt
from worker.jobs.job import Job, JobError, Status
from worker.jobs.queue import waiting
from worker.jobs.stages import ImageToImage, Inpainting, Outpainting
from worker.jobs.store import JobStore
from worker.settings import WorkerSettings

Generate = Callable[..., Result]


@pytest.fixture
def generate(http: httpx.Client) -> Generate:
    """Runs `kandinsky generate` against the gateway of the tests."""

    return partial(_invoke, http, "generate")


def _invoke(http: httpx.Client, *arguments: object) -> Result:
    """Runs `kandinsky` with these arguments against the gateway of the tests."""
    return CliRunner().invoke(app, [*map(str, arguments), "--url", str(http.base_url)])


def _play(redis: Redis, act: Callable[[str], Job], queue: str = "images.tiny") -> threading.Thread:
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
    mask = Image.new("L", (128, 192))
    mask.paste(255, (0, 0, 64, 64))
    mask.save(tmp_path / "mask.png")
    return tmp_path


def test_inpaint_sends_picture_and_mask(
    http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path
) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0], "images.painter")
    given = ("--image", files / "cat.png", "--mask", files / "mask.png", "-o", files / "dog.png")
    result = _invoke(http, "inpaint", "a dog", *given, "--feather", 4, "--dilation", 2, "--no-paste-back")
    player.join()
    wanted = jobs[0].input
    assert (result.exit_code, result.stdout) == (0, f"{files / 'dog.png'}\n")
    assert isinstance(wanted, Inpainting)
    assert (wanted.prompt, wanted.width, wanted.feather, wanted.paste_back) == ("a dog", 128, 4, False)
    assert wanted.dilation == 2


def test_transform_sends_the_picture_and_the_strength(
    http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path
) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0], "images.artist")
    given = ("--image", files / "cat.png", "--strength", 0.5, "--width", 256, "-o", files / "dog.png")
    result = _invoke(http, "transform", "a dog", *given)
    player.join()
    wanted = jobs[0].input
    assert (result.exit_code, result.stdout) == (0, f"{files / 'dog.png'}\n")
    assert isinstance(wanted, ImageToImage)
    assert (wanted.prompt, wanted.strength, wanted.width, wanted.height) == ("a dog", 0.5, 256, 384)


def test_outpaint_sends_the_picture_and_the_margins(
    http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path
) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0], "images.painter")
    margins = ("--left", 1, "--right", 2, "--top", 3, "--bottom", 4)
    result = _invoke(http, "outpaint", "a dog", "--image", files / "cat.png", *margins, "-o", files / "x.png")
    player.join()
    wanted = jobs[0].input
    assert result.exit_code == 0
    assert isinstance(wanted, Outpainting)
    assert (wanted.left, wanted.right, wanted.top, wanted.bottom) == (1, 2, 3, 4)


def test_beautify_prints_what_the_model_says(
    http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path
) -> None:
    player = _play(redis, worker.run, "prompts.writer")
    result = _invoke(http, "beautify", "a dog", "--style", "noto")
    player.join()
    assert (result.exit_code, result.stdout) == (0, "rich a dog, noto style\n")


def test_a_warning_is_said_and_is_no_failure(
    http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path
) -> None:
    def warn(job_id: str) -> Job:
        claim = worker.claim(job_id)
        return worker.store.succeed(claim, receipt(claim.job.stage), (), "a dog", ["beautify: it was silent"])

    player = _play(redis, warn, "prompts.writer")
    result = _invoke(http, "beautify", "a dog")
    player.join()
    assert (result.exit_code, result.stdout) == (0, "a dog\n")
    assert result.stderr.endswith("kandinsky: beautify: it was silent\n")


def test_more_may_be_asked_for_of_one_job(
    http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path
) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0], "prompts.writer")
    wishes = ("--beautify", "--refine", 2, "--upscale", 2, "--style", "noto", "--width", 128)
    result = _invoke(http, "generate", "a dog", *wishes, "-o", files / "dog.png")
    player.join()
    assert result.exit_code == 0
    kinds = [stage.kind for stage in jobs[0].stages]
    assert kinds == ["beautification", "text-to-image", "refinement", "super-resolution"]
    assert (jobs[0].input.style, jobs[0].text) == ("noto", "rich a dog, noto style")


def test_upscale_sends_the_picture(http: httpx.Client, worker: FakeWorker, redis: Redis, files: Path) -> None:
    jobs = []
    player = _play(redis, lambda job_id: jobs.append(worker.run(job_id)) or jobs[0], "superres.x4")
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
        (["upscale", "cat.png", "--refine", "3"], "refine should be less than or equal to 2, got 3"),
        (["transform", "x", "--image", "cat.png", "--strength", "0"], "strength should be greater than 0"),
        (["outpaint", "x", "--image", "cat.png"], "bottom should be above 0 when left, right and top"),
        (["beautify", "x", "--style", "y"], "style should be one of digital-image, pixel-art"),
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
    command = [sys.executable, "-m", "service.cli.main", "generate", "a red apple", "--url", gateway_url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(redis.pubsub_channels)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    (job_id,) = waiting(redis, "images.tiny")
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


def test_worker_takes_what_it_serves_and_how_from_options(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    CliRunner().invoke(app, ["worker", "--models", "a,b", "--memory", "offload", "--language-model", "none"])
    ((_, _, environment),) = calls
    given = {name: value for name, value in environment.items() if name.startswith("KANDINSKY_")}
    assert given == {
        "KANDINSKY_MODELS": "a,b",
        "KANDINSKY_MEMORY": "offload",
        "KANDINSKY_LANGUAGE_MODEL": "none",
    }


def test_every_option_of_worker_is_a_setting() -> None:
    options = {parameter.name for parameter in get_command(app).commands["worker"].params}
    assert options - {"help"} <= set(WorkerSettings.model_fields)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["pull", "kandinsky-3", "--folder", "here", "-v"]])
def test_weights_passes_everything_on(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    CliRunner().invoke(app, ["weights", *arguments])
    ((binary, called, environment),) = calls
    assert [binary, *called] == [sys.executable, sys.executable, "-m", "model.hub", *arguments]
    assert environment == dict(os.environ)


@pytest.mark.parametrize(
    ("command", "extra"), [("worker", "worker"), ("weights", "worker"), ("worker --checkpoints mock", "mock")]
)
def test_without_the_libraries_of_an_extra_it_is_named(
    monkeypatch: pytest.MonkeyPatch, command: str, extra: str
) -> None:
    monkeypatch.setattr("service.cli.main.LIBRARIES", {extra: ("json", "no_such_library")})
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 1
    assert f"needs no_such_library: install kandinsky-serve[{extra}]" in result.output


def test_up_is_given_what_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("service.up.run.run", lambda *call: calls.append(call) or 3)
    result = CliRunner().invoke(app, ["up", "--port", "9000", "--data", "here"])
    assert result.exit_code == 3
    assert calls == [(9000, "127.0.0.1", Path("here"), None)]
