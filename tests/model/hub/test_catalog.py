"""Which files of a repository are wanted."""

import pytest

from model.hub.catalog import FilesMissing, Published


def published(*patterns: str) -> Published:
    return Published("model", "owner/Model", "nothing", patterns, 0.0)


def test_a_star_stands_for_no_slash() -> None:
    names = ["config.json", "unet/config.json", "a/b/config.json", "/tmp/config.json"]
    assert published("*config.json").choose(names) == ["config.json"]
    assert published("*/config.json").choose(names) == ["unet/config.json"]


def test_the_first_alternative_that_is_there() -> None:
    model = published("model*.safetensors|*.bin")
    assert model.choose(["a.bin", "b.bin"]) == ["a.bin", "b.bin"]
    assert model.choose(["a.bin", "model-1.safetensors"]) == ["model-1.safetensors"]
    with pytest.raises(FilesMissing, match=r"owner/Model has no file model\*\.safetensors or \*\.bin"):
        model.choose(["models/model.safetensors"])
