"""Pictures of an object store: passed through the gateway, or given to callers by the store itself."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from PIL import Image
from redis import Redis

from service.settings import GatewaySettings
from tests.buckets import CREDENTIALS, REGION, Buckets
from tests.pictures import encoded
from tests.service.conftest import PICTURE, FakeWorker, serving
from worker.jobs.catalog import Catalog
from worker.jobs.images import ImageStore
from worker.jobs.store import JobStore

Gateway = Callable[[str], httpx.Client]


def signature_of(method: str, url: str) -> str:
    """What S3 wants to see at the end of a URL, for a method."""
    request = AWSRequest(method, url)
    request.context["timestamp"] = httpx.URL(url).params["X-Amz-Date"]
    keys = Credentials(CREDENTIALS["aws_access_key_id"], CREDENTIALS["aws_secret_access_key"])
    auth = S3SigV4QueryAuth(keys, "s3", REGION)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return str(auth.signature(text, request))


FILE = encoded(Image.new("RGB", (128, 128), "red"))


@pytest.fixture
def bucket(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> str:
    return buckets.make(monkeypatch)


@pytest.fixture(params=["proxied", "presigned"])
def http(
    request: pytest.FixtureRequest, bucket: str, valkey_url: str, catalog: Catalog
) -> Iterator[httpx.Client]:
    """A client of a gateway that keeps its pictures in a bucket."""
    settings = GatewaySettings(redis_url=valkey_url, images_url=bucket, image_delivery=request.param)
    with serving(settings) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


def test_an_upload_comes_back(http: httpx.Client) -> None:
    upload = http.post("/v1/images", files={"image": FILE}).json()
    response = http.get(upload["url"], follow_redirects=True)
    assert (response.status_code, response.content) == (200, FILE)
    assert response.headers["Content-Type"] == "image/png"


def test_a_picture_of_a_job_comes_back_in_part(
    http: httpx.Client, bucket: str, redis: Redis, store: JobStore
) -> None:
    job_id = http.post("/v1/text-to-image", json={"prompt": "a red apple"}).json()["id"]
    FakeWorker(store, ImageStore(bucket)).run(job_id)
    headers = {"Range": "bytes=2-4"}
    response = http.get(f"/v1/images/{job_id}-0", headers=headers, follow_redirects=True)
    assert (response.status_code, response.content) == (206, PICTURE[2:5])


def test_only_who_is_sent_away_learns_of_the_store(http: httpx.Client, bucket: str) -> None:
    upload = http.post("/v1/images", files={"image": FILE}).json()
    response = http.get(upload["url"])
    is_sent_away = response.status_code == 307
    assert is_sent_away is (bucket.split("/")[2] in response.headers.get("Location", ""))
    assert response.headers["Cache-Control"].startswith(
        "private, max-age=1800" if is_sent_away else "private"
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_caller_is_sent_away_to_do_as_they_asked(
    bucket: str, valkey_url: str, catalog: Catalog, method: str
) -> None:
    settings = GatewaySettings(redis_url=valkey_url, images_url=bucket, image_delivery="presigned")
    with serving(settings) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as http:
        upload = http.post("/v1/images", files={"image": FILE}).json()
        response = http.request(method, upload["url"])
    unsigned, _, signature = response.headers["Location"].partition("&X-Amz-Signature=")
    assert signature == signature_of(method, unsigned)
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("image_id", ["nonsense", "upl_" + "0" * 26, "job_" + "0" * 26 + "-0"])
def test_to_nothing_nobody_is_sent(http: httpx.Client, image_id: str) -> None:
    assert http.get(f"/v1/images/{image_id}").status_code == 404
