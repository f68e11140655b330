import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.parity.__main__ import main

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(GOLDEN.glob("*.safetensors"))
#: The recorded results, which a change must not get past.
RESULTS = ("output", "decoded", "latent", "context")

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of golden vectors."""

    def write(tensors: dict[str, Tensor], config: object, name: str = "some.safetensors") -> Path:
        save_file(tensors, tmp_path / name, metadata={"config": json.dumps(config)})
        return tmp_path / name

    return write


def read(name: str) -> tuple[dict[str, Tensor], dict[str, object]]:
    with safe_open(GOLDEN / f"{name}.safetensors", framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        return tensors, json.loads(file.metadata()["config"])


def test_all_were_recorded() -> None:
    assert len(FILES) == 12


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_agrees(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(file)]) == 0
    assert capsys.readouterr().out.startswith(file.stem)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_changed_result_fails(file: Path, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    tensors, config = read(file.stem)
    result = next(tensors[name] for name in RESULTS if name in tensors)
    result.view(-1)[result.numel() // 2] += 1e-2
    assert main([str(write(tensors, config))]) == 1
    assert capsys.readouterr().out.endswith("FAILED\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_result_that_is_no_number_fails(value: float, write: Write) -> None:
    tensors, config = read("sampler_flash")
    tensors["output"][0, 0, 0, 0] = value
    assert main([str(write(tensors, config))]) == 1


def test_one_failure_among_others_counts(capsys: pytest.CaptureFixture[str]) -> None:
    names = [GOLDEN / "sampler_flash.safetensors", GOLDEN / "missing", GOLDEN / "sampler_eta0.safetensors"]
    assert main([str(name) for name in names]) == 1
    assert [line.endswith("ok") for line in capsys.readouterr().out.splitlines()] == [True, False, True]


def test_other_timesteps_fail(write: Write) -> None:
    tensors, config = read("sampler_text2image")
    tensors["timesteps"][-1] -= 1
    assert main([str(write(tensors, config))]) == 1


@pytest.mark.parametrize("name", ["sampler_flash", "superres_flash"])
def test_one_noise_too_few_fails(name: str, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    tensors, config = read(name)
    tensors["noises"] = tensors["noises"][1:].contiguous()
    assert main([str(write(tensors, config))]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_missing_tensor_is_named(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    tensors, config = read("unet_superres")
    del tensors["weights.norm.bias"], tensors["lowres"]
    assert main([str(write(tensors, config, "unet_superres_2.safetensors"))]) == 1
    assert "'norm.bias' is missing" in capsys.readouterr().out


def test_video_is_not_supported(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {"x": torch.zeros(1), "temporal_embed": torch.zeros(1)}
    assert main([str(write(tensors, {}))]) == 1
    assert "not supported yet" in capsys.readouterr().out


@pytest.mark.parametrize("config", [{}, [], {"network": "cos(x)"}, {"steps": "ten"}])
def test_nonsense_is_one_line(config: object, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write({"x_T": torch.zeros(1), "context": torch.zeros(1)}, config))]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_truncated_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "unet.safetensors"
    file.write_bytes((GOLDEN / "unet_text2image.safetensors").read_bytes()[:100_000])
    assert main([str(file)]) == 1
    [line] = capsys.readouterr().out.splitlines()
    assert "FAILED" in line
