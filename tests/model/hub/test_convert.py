"""What is converted draws as before, and diffusers reads it."""

import json
import os
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from safetensors import safe_open

from model.checkpoint import load_checkpoint
from model.family import Found, find_checkpoints, load_pipeline
from model.hub.convert import Conversion, convert
from model.hub.verify import verify
from model.pipeline import Pipeline, Request
from model.pixels import Pixels
from model.upscaling import UpscalePipeline, UpscaleRequest
from model.weights import CheckpointError
from tests.model.conftest import CPU
from tests.model.damage import truncate
from tests.model.test_checkpoint import assert_same_weights

NAMES = ("kandinsky-3", "kandinsky-3-flash", "kandinsky-3-inpainting")
UPSCALERS = ("kandisuperres-flash-x2", "kandisuperres-x2", "kandisuperres-x4")
EXACT = Conversion(torch.float32)


@pytest.fixture(scope="module")
def converted(published_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published folder, converted without loss."""
    target = tmp_path_factory.mktemp("converted")
    convert(published_folder, target, EXACT)
    return target


def draw(found: Found) -> Pixels:
    """A picture that a model makes in few steps."""
    pipeline = load_pipeline(found, CPU, torch.float32)
    if isinstance(pipeline, UpscalePipeline):
        picture = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
        return finish(pipeline, UpscaleRequest(picture, seed=1, num_steps=2))
    sampler = pipeline.checkpoint.samplers[0]
    scale = 0.0 if sampler == "flash" else 3.0
    return finish(pipeline, Request("a red apple", 64, 64, 2, sampler, seed=1, guidance_scale=scale))


def finish(pipeline: Pipeline | UpscalePipeline, request: object) -> Pixels:
    [state] = pipeline.start([request])  # type: ignore[list-item]
    while not state.is_done:
        pipeline.step([state])  # type: ignore[list-item]
    [picture] = pipeline.decode([state])  # type: ignore[list-item]
    return picture


def by_name(folder: Path) -> dict[str, Found]:
    return {found.name: found for found in find_checkpoints(folder)}


def test_everything_is_there(converted: Path) -> None:
    assert sorted(by_name(converted)) == [*NAMES, *UPSCALERS]
    assert [fault for _, faults in verify(converted) for fault in faults] == []


@pytest.mark.parametrize("name", ["kandinsky-3", "kandinsky-3-flash", *UPSCALERS])
def test_pictures_stay_the_same(published_folder: Path, converted: Path, name: str) -> None:
    expected, found = draw(by_name(published_folder)[name]), draw(by_name(converted)[name])
    assert expected.std() > 5
    assert np.array_equal(found, expected)


def test_what_flash_and_inpainting_borrow(converted: Path) -> None:
    for name in NAMES[1:]:
        assert sorted(path.name for path in (converted / name).iterdir() if path.is_dir()) == ["unet"]
        assert json.loads((converted / name / "serving.json").read_text())["components"] == "../kandinsky-3"


def test_inpainting_stays_inpainting(converted: Path) -> None:
    pipeline = load_pipeline(by_name(converted)["kandinsky-3-inpainting"], CPU, torch.float32)
    assert isinstance(pipeline, Pipeline)
    assert pipeline.checkpoint.inpaints
    assert pipeline.checkpoint.conditioner.null_embedding is not None


def test_diffusers_reads_it(converted: Path) -> None:
    folder = converted / "kandinsky-3"
    pipeline = diffusers.Kandinsky3Pipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a red apple", num_inference_steps=1, height=64, width=64, output_type="np").images[0]
    assert picture.shape == (64, 64, 3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_formats_in_shards(tiny_family: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    convert(tiny_family / "tiny", tmp_path, Conversion(dtype, max_bytes=500_000))
    shards = sorted((tmp_path / "tiny" / "unet").glob("*.safetensors"))
    assert len(shards) > 2
    assert max(sum(tensor.nbytes for tensor in read(shard).values()) for shard in shards) <= 500_000
    before, after = (load_checkpoint(folder / "tiny", CPU, dtype) for folder in (tiny_family, tmp_path))
    assert_same_weights(after.unet, before.unet)
    assert_same_weights(after.movq, before.movq)
    assert_same_weights(after.prompts.network, before.prompts.network)


def read(file: Path) -> dict[str, torch.Tensor]:
    with safe_open(file, framework="pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping


def test_t5_products_stay_fp32_beside_fp16(tiny_family: Path, tmp_path: Path) -> None:
    convert(tiny_family / "tiny", tmp_path, Conversion(torch.float16))
    weights = read(tmp_path / "tiny" / "text_encoder" / "model.safetensors")
    kept = {name for name, tensor in weights.items() if tensor.dtype == torch.float32}
    assert kept == {name for name in weights if name.endswith(".wo.weight")}
    assert len(kept) == 2


def test_a_model_that_borrows_is_converted_with_what_it_borrows(tiny_family: Path, tmp_path: Path) -> None:
    convert(tiny_family / "tiny-flash", tmp_path, EXACT)
    assert draw(by_name(tmp_path)["tiny-flash"]).shape == (64, 64, 3)


def test_nothing_is_written_over(tiny_family: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny-x2").mkdir()
    with pytest.raises(CheckpointError, match=f"{tmp_path / 'tiny-x2'} is there already"):
        convert(tiny_family, tmp_path, EXACT)
    assert list(tmp_path.iterdir()) == [tmp_path / "tiny-x2"]


def test_it_goes_on_after_a_failure(published: Path, tmp_path: Path) -> None:
    source, kept = published / "Kandinsky3.1" / "weights" / "movq.pt", list[Path]()
    whole = source.read_bytes()
    truncate(source, 0.7)
    with pytest.raises(CheckpointError, match="is damaged or truncated"):
        convert(published, tmp_path / "to", EXACT)
    [x4] = (tmp_path / "to").iterdir()
    before = (x4 / "unet").stat()
    source.write_bytes(whole)
    convert(published, tmp_path / "to", Conversion(torch.float32, keep=kept.append))
    assert sorted(by_name(tmp_path / "to")) == ["kandinsky-3-flash", "kandisuperres-x4"]
    assert (kept, (x4 / "unet").stat()) == ([x4], before)


def test_what_is_kept_is_borrowed_from(tiny_family: Path, tmp_path: Path) -> None:
    convert(tiny_family / "tiny", tmp_path, EXACT)
    convert(tiny_family, tmp_path, EXACT)
    assert json.loads((tmp_path / "tiny-flash" / "serving.json").read_text())["components"] == "../tiny"
    assert not (tmp_path / "tiny-flash" / "text_encoder").exists()
    assert [fault for _, faults in verify(tmp_path) for fault in faults] == []


def test_what_is_not_whole_is_refused(tiny_family: Path, tmp_path: Path) -> None:
    convert(tiny_family / "tiny-x4", tmp_path, EXACT)
    (tmp_path / "tiny-x4" / "unet" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"tiny-x4 is there already, and is not whole: .*json is"):
        convert(tiny_family / "tiny-x4", tmp_path, EXACT)


def test_the_disk_has_all_before_a_folder_gets_its_name(
    tiny_family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = set[int]()
    monkeypatch.setattr(os, "fsync", lambda number: flushed.add(os.fstat(number).st_ino))
    convert(tiny_family / "tiny", tmp_path, EXACT)
    files = [file for file in (tmp_path / "tiny").rglob("*") if file.is_file()]
    assert {file.stat().st_ino for file in files} == flushed


def test_a_weight_that_fp16_cannot_hold(published: Path, tmp_path: Path) -> None:
    source = published / "KandiSuperRes" / "KandiSuperRes.ckpt"
    weights = torch.load(source)
    weights["out_conv.bias"] = torch.full((3,), 1e6)
    torch.save(weights, source)
    with pytest.raises(CheckpointError, match=r"tensor 'out_conv\.bias' is not finite in F16"):
        convert(source, tmp_path / "converted", Conversion(torch.float16))
    assert list((tmp_path / "converted").iterdir()) == []
