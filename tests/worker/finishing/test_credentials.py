"""Content credentials, read by the library of the standard."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import c2pa
import pytest

from tests.worker.conftest import MakeJob
from tests.worker.finishing.certificates import write_certificates
from tests.worker.stages import inpainting, text_to_image
from worker.engine.sample import Pixels
from worker.finishing.credentials import Credentials, load_credentials
from worker.finishing.errors import CannotFinish
from worker.jobs.job import Job
from worker.jobs.stages import OutputFormat, Stage
from worker.pictures import encode_picture


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return load_credentials(*write_certificates(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def job(make_job: MakeJob) -> Job:
    return make_job()


def read(content: bytes, content_type: str) -> tuple[str | None, dict[str, Any]]:
    """Whether what is signed is as it was, and the statement."""
    with c2pa.Reader(content_type, io.BytesIO(content), context=c2pa.Context()) as reader:
        return reader.get_validation_state(), reader.get_active_manifest() or {}


def source_type(manifest: dict[str, Any]) -> str:
    [action] = manifest["assertions"][0]["data"]["actions"]
    return str(action["digitalSourceType"]).rpartition("/")[2]


@pytest.mark.parametrize("output_format", OutputFormat)
def test_a_signed_picture_is_valid(
    credentials: Credentials, job: Job, pixels: Pixels, output_format: OutputFormat
) -> None:
    content = encode_picture(pixels, output_format, 90)
    state, manifest = read(
        credentials.sign(content, output_format.content_type, job), output_format.content_type
    )
    assert state == "Valid"
    assert manifest["signature_info"]["common_name"] == "pictures"


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        (text_to_image(), "trainedAlgorithmicMedia"),
        (inpainting(), "compositeWithTrainedAlgorithmicMedia"),
    ],
)
def test_a_statement_tells_how_a_picture_was_made(
    credentials: Credentials, make_job: MakeJob, pixels: Pixels, stage: Stage, kind: str
) -> None:
    content = encode_picture(pixels, OutputFormat.PNG, 90)
    _, manifest = read(credentials.sign(content, "image/png", make_job(stage)), "image/png")
    assert source_type(manifest) == kind


def test_a_signed_picture_that_is_changed_is_not_valid(
    credentials: Credentials, job: Job, pixels: Pixels
) -> None:
    signed = bytearray(credentials.sign(encode_picture(pixels, OutputFormat.JPEG, 90), "image/jpeg", job))
    signed[-100] ^= 1
    assert read(bytes(signed), "image/jpeg")[0] == "Invalid"


def test_threads_sign_at_the_same_time(credentials: Credentials, job: Job, pixels: Pixels) -> None:
    content = encode_picture(pixels, OutputFormat.JPEG, 90)

    def sign(_: int) -> str | None:
        return read(credentials.sign(content, "image/jpeg", job), "image/jpeg")[0]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(sign, range(32))) == {"Valid"}


def test_a_key_is_not_shown(credentials: Credentials) -> None:
    assert "PRIVATE KEY" not in repr(credentials)


def test_the_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    chain, _ = write_certificates(tmp_path)
    _, key = write_certificates(tmp_path / "other")
    with pytest.raises(CannotFinish, match=f"nothing can be signed with {chain} and {key}: "):
        load_credentials(chain, key)


def test_a_certificate_that_has_expired_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotFinish, match="nothing can be signed"):
        load_credentials(*write_certificates(tmp_path, days=-1))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotFinish, match=r"cannot be read: .*none\.pem"):
        load_credentials(tmp_path / "none.pem", tmp_path / "none.pem")
