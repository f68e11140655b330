"""The `openai` package against our gateway: only its base URL and its key are ours."""

import base64
from collections.abc import Iterator
from io import BytesIO

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent
from openai.types.image_edit_partial_image_event import ImageEditPartialImageEvent
from openai.types.image_gen_partial_image_event import ImageGenPartialImageEvent
from PIL import Image

from tests.clients.conftest import WAIT_SECONDS
from tests.pictures import encoded
from tests.polling import until
from worker.jobs.keys import Key, KeyStore

SMALL = "256x256"


@pytest.fixture(scope="module")
def client(url: str, key: tuple[Key, str]) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key=key[1], timeout=WAIT_SECONDS) as client:
        yield client


def opened(text: str | None) -> Image.Image:
    """The picture in an answer."""
    return Image.open(BytesIO(base64.b64decode(text or "")))


def picture(size: int = 256) -> bytes:
    return encoded(Image.new("RGB", (size, size), "red"))


def mask(size: int = 256) -> bytes:
    """A mask whose left half is transparent."""
    mask = Image.new("RGBA", (size, size), "black")
    mask.paste((0, 0, 0, 0), (0, 0, size // 2, size))
    return encoded(mask)


def test_a_prompt_gives_a_url_that_needs_no_key(client: OpenAI) -> None:
    answer = client.images.generate(model="dall-e-3", prompt="a red apple", size="512x256")
    assert answer.data is not None
    content = httpx.get(answer.data[0].url or "", trust_env=False).raise_for_status().content
    with Image.open(BytesIO(content)) as shown:
        assert (shown.format, shown.size, answer.size) == ("PNG", (512, 256), "512x256")


def test_the_models_of_openai_that_answer_with_base64_do_so(client: OpenAI) -> None:
    answer = client.images.generate(model="gpt-image-1", prompt="a red apple", size=SMALL)
    assert answer.data is not None
    assert opened(answer.data[0].b64_json).size == (256, 256)
    assert answer.data[0].url is None


def test_several_pictures_come_in_the_format_asked_for(client: OpenAI) -> None:
    answer = client.images.generate(
        prompt="a cat",
        n=2,
        size=SMALL,
        response_format="b64_json",
        output_format="webp",
        output_compression=50,
        extra_body={"seed": 7},
    )
    assert answer.data is not None
    assert [opened(image.b64_json).format for image in answer.data] == ["WEBP", "WEBP"]
    assert (answer.output_format, answer.data[0] != answer.data[1]) == ("webp", True)


@pytest.mark.parametrize(
    ("quality", "steps"), [("low", 12), ("medium", 25), ("standard", 25), ("high", 38), ("max", 50)]
)
def test_quality_sets_the_steps(client: OpenAI, http: httpx.Client, quality: str, steps: int) -> None:
    answer = client.images.with_raw_response.generate(
        prompt="a cat",
        size=SMALL,
        quality=quality,
        user="somebody",
        background="opaque",
        moderation="low",
        style="vivid",
    )
    job = http.get(answer.headers["Location"]).json()
    assert (job["input"]["steps"], job["metadata"]) == (steps, {"user": "somebody"})


def test_a_masked_edit_changes_nothing_but_what_is_transparent(client: OpenAI) -> None:
    answer = client.images.edit(
        image=("apple.png", picture()),
        mask=("mask.png", mask()),
        prompt="a banana",
        response_format="b64_json",
    )
    assert answer.data is not None
    edited = opened(answer.data[0].b64_json).convert("RGB")
    right, left = edited.crop((128, 0, 256, 256)), edited.crop((0, 0, 128, 256))
    assert right.getcolors() == [(128 * 256, (255, 0, 0))]
    assert len(left.getcolors(65536) or []) > 1


@pytest.mark.parametrize("listed", [False, True])
def test_an_edit_without_a_mask_draws_the_picture_again(
    client: OpenAI, http: httpx.Client, listed: bool
) -> None:
    file = ("apple.png", picture())
    answer = client.images.with_raw_response.edit(
        image=[file] if listed else file, prompt="a pear", input_fidelity="high"
    )
    job = http.get(answer.headers["Location"]).json()
    assert (job["kind"], job["input"]["strength"]) == ("image-to-image", 0.4)


def test_a_stream_has_previews_and_then_the_picture(client: OpenAI) -> None:
    stream = client.images.generate(
        prompt="a castle",
        size=SMALL,
        stream=True,
        partial_images=2,
        output_format="jpeg",
        extra_body={"steps": 200},
    )
    *partials, last = list(stream)
    assert isinstance(last, ImageGenCompletedEvent)
    assert opened(last.b64_json).size == (256, 256)
    assert last.usage.total_tokens == 0
    indices = [part.partial_image_index for part in partials if isinstance(part, ImageGenPartialImageEvent)]
    assert indices == [0, 1]
    assert opened(partials[0].b64_json).format == "JPEG"


def test_a_stream_of_an_edit_has_its_own_events(client: OpenAI) -> None:
    stream = client.images.edit(
        image=picture(),
        mask=mask(),
        prompt="a castle",
        stream=True,
        partial_images=1,
        extra_body={"steps": 150},
    )
    partial, last = list(stream)
    assert isinstance(partial, ImageEditPartialImageEvent)
    assert isinstance(last, ImageEditCompletedEvent)


def test_models_are_listed_and_found(client: OpenAI) -> None:
    models = [model.id for model in client.models.list()]
    assert "mock" in models
    assert client.models.retrieve("mock").object == "model"


async def test_the_asynchronous_client_works(url: str, key: tuple[Key, str]) -> None:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key[1], timeout=WAIT_SECONDS) as client:
        stream = await client.images.generate(prompt="a cat", size=SMALL, stream=True)
        assert [event.type async for event in stream] == ["image_generation.completed"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "1000x1000"}, "size"),
        ({"size": "large"}, "size"),
        ({"n": 11}, "n"),
        ({"model": "no-such-model"}, "model"),
        ({"prompt": " "}, "prompt"),
        ({"prompt": "a" * 1001}, "prompt"),
        ({"output_format": "gif"}, "output_format"),
        ({"background": "transparent"}, "background"),
        ({"style": "no-such-style"}, "style"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"extra_body": {"seed": -1}}, "seed"),
    ],
)
def test_what_is_wrong_is_a_bad_request(client: OpenAI, fields: dict[str, object], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(**{"prompt": "a cat", **fields})
    assert (caught.value.param, caught.value.code) == (param, "invalid_request")
    assert caught.value.type == "invalid_request_error"


def test_a_body_that_is_no_json_is_400(http: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    answer = http.post("/v1/images/generations", content="{", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_nothing_of_a_body_is_read_before_the_key(url: str) -> None:
    wrong = {"Authorization": "Bearer nonsense", "Content-Type": "application/json"}
    refused = httpx.post(f"{url}/v1/images/generations", content="{", headers=wrong, trust_env=False)
    assert refused.status_code == 401


def test_a_png_cannot_be_compressed_with_loss(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="output_compression should be left out for png"):
        client.images.generate(prompt="a cat", output_compression=50)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"image": [picture(), picture()]}, "image should be given once"),
        ({"image": b"no picture"}, "image should be a PNG, JPEG or WebP file"),
        ({"image": picture(), "mask": mask(64)}, "mask should be as large as image"),
    ],
)
def test_pictures_that_are_wrong_are_bad_requests(
    client: OpenAI, files: dict[str, bytes], message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        client.images.edit(prompt="a cat", **files)


@pytest.mark.parametrize("api_key", ["nonsense", "kdsk_" + "0" * 16 + "_" + "0" * 64])
def test_a_wrong_key_is_an_authentication_error(client: OpenAI, api_key: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key=api_key).images.generate(prompt="a cat")


def test_what_is_not_there_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model 'dall-e-9'"):
        client.models.retrieve("dall-e-9")


def test_too_many_requests_are_a_rate_limit_error(client: OpenAI, keys: KeyStore) -> None:
    _, token = keys.create("hasty", rate="1/hour")
    hasty = client.with_options(api_key=token, max_retries=0)
    hasty.images.generate(prompt="a cat", size=SMALL)
    with pytest.raises(openai.RateLimitError) as caught:
        hasty.images.generate(prompt="a cat", size=SMALL)
    assert caught.value.code == "rate_limited"
    assert int(caught.value.response.headers["Retry-After"]) > 0


def test_a_prompt_that_the_rules_forbid_is_a_bad_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(prompt="hardcore sex")
    assert (caught.value.code, caught.value.param) == ("content_filtered", "prompt")


def test_censored_pictures_are_left_out_and_nothing_else_is_an_error(client: OpenAI) -> None:
    answer = client.images.generate(prompt="mock:censor:1", n=2, size=SMALL)
    assert answer.data is not None
    assert len(answer.data) == 1
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(prompt="mock:censor", size=SMALL)
    assert caught.value.code == "content_filtered"


def test_a_job_that_fails_is_a_server_error_and_not_tried_again(client: OpenAI, http: httpx.Client) -> None:
    with pytest.raises(openai.InternalServerError, match="has no pictures") as caught:
        client.images.generate(prompt="mock:error", size=SMALL, user="tries-once")
    body = caught.value.body
    assert isinstance(body, dict)
    jobs = http.get("/v1/jobs", params={"status": "failed"}).json()["data"]
    assert [job["id"] for job in jobs if job["metadata"] == {"user": "tries-once"}] == [
        body["details"]["job"]
    ]


def test_a_stream_whose_job_fails_ends_with_an_error(client: OpenAI) -> None:
    stream = client.images.generate(prompt="mock:error", size=SMALL, stream=True)
    with pytest.raises(openai.APIError, match="has no pictures"):
        list(stream)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("cancels", "status"), [("true", "canceled"), ("false", "succeeded")])
def test_going_away_cancels_only_when_asked_to(
    http: httpx.Client, stream: bool, cancels: str, status: str
) -> None:
    name = f"leaves-{stream}-{cancels}"
    body = {"prompt": "a cat", "size": SMALL, "steps": 200, "stream": stream, "user": name, "n": 2}
    headers = {"X-Cancel-On-Disconnect": cancels}
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/images/generations", json=body, headers=headers, timeout=0.5)

    def outcome() -> str:
        jobs = http.get("/v1/jobs").json()["data"]
        return next(job["status"] for job in jobs if job["metadata"] == {"user": name})

    until(lambda: outcome() not in ("queued", "running"))
    assert outcome() == status
