"""The same for the original layout, whose files are pickled."""

import pickle
from pathlib import Path

import pytest
import torch

from tests.model.damage import assert_refused, truncate

PROJECTION = "flan_ul2_encoder/projection.pt"
T5_SHARD = "flan_ul2_encoder/pytorch_model-00001-of-00004.bin"


@pytest.mark.parametrize("name", [PROJECTION, "movq.pt", "flan_ul2_encoder/config.json"])
def test_missing_original_file(original: Path, name: str) -> None:
    (original / name).unlink()
    assert_refused(original, str(original / name), "is missing")


@pytest.mark.parametrize(
    ("name", "share"), [("kandinsky3.pt", 0.0), ("kandinsky3.pt", 0.99), ("movq.pt", 0.5), (T5_SHARD, 0.5)]
)
def test_truncated_original_file(original: Path, name: str, share: float) -> None:
    truncate(original / name, share)
    assert_refused(original, str(original / name), "damaged or truncated")


class Code:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('code in a checkpoint was run')",)


@pytest.mark.parametrize("name", ["kandinsky3.pt", PROJECTION, "movq.pt"])
def test_code_in_a_file_is_not_run(original: Path, name: str) -> None:
    torch.save({"unet": Code()}, original / name)
    assert_refused(original, str(original / name))


def test_plain_pickle(original: Path) -> None:
    (original / "movq.pt").write_bytes(pickle.dumps(Code()))
    assert_refused(original, str(original / "movq.pt"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kandinsky3.pt", [1, 2]),
        ("kandinsky3.pt", {}),
        ("kandinsky3.pt", {"unet": 5, "null_embedding": torch.zeros(48)}),
        ("kandinsky3.pt", {"unet": {}, "null_embedding": torch.zeros(48)}),
        ("kandinsky3.pt", {"unet": {"in_layer.weight": 5}, "null_embedding": torch.zeros(48)}),
        ("kandinsky3.pt", {"unet": {3: 5}, "null_embedding": torch.zeros(48)}),
        ("movq.pt", {}),
        ("movq.pt", {"quant_conv.weight": torch.zeros(())}),
        (T5_SHARD, {1: 2}),
    ],
)
def test_original_file_of_something_else(original: Path, name: str, content: object) -> None:
    torch.save(content, original / name)
    assert_refused(original, str(original / name))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("kandinsky3.pt", "in_layer.weight"),
        (PROJECTION, "0.weight"),
        ("movq.pt", "encoder.conv_in.weight"),
    ],
)
def test_original_file_without_a_tensor(original: Path, name: str, key: str) -> None:
    content = torch.load(original / name)
    weights = content.get("unet", content)
    del weights[key]
    torch.save(content, original / name)
    assert_refused(original, "is missing", key.split(".")[-1])


@pytest.mark.parametrize("null_embedding", [torch.zeros(3), [0.0] * 48, None])
def test_null_embedding(original: Path, null_embedding: object) -> None:
    content = torch.load(original / "kandinsky3.pt")
    torch.save(content | {"null_embedding": null_embedding}, original / "kandinsky3.pt")
    assert_refused(original, str(original / "kandinsky3.pt"), "null_embedding")
