import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.language.gguf import MARK, converted
from model.language.loading import load_language_model
from model.language.pipeline import LanguagePipeline, beautify
from model.language.writing import BeautifyRequest
from model.weights import CheckpointError
from tests.language_models import write_gguf, write_language_model
from tests.model.conftest import CPU


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of transformers."""
    return write_language_model(tmp_path_factory.mktemp("source"), "qwen2")


@pytest.fixture
def file(source: Path, tmp_path: Path) -> Path:
    """The same model as a file."""
    return write_gguf(source, tmp_path / "Tiny.F32.gguf")


def test_same_model_comes_out(source: Path, file: Path) -> None:
    settings = {"temperature": 0, "max_new_tokens": 8}
    before, after = (load_language_model(path, CPU, settings=settings) for path in (source, file))
    assert after.name == "tiny"
    for name, weight in before.network.state_dict().items():
        assert torch.allclose(weight, after.network.state_dict()[name], atol=1e-3), name
    request = BeautifyRequest("a red apple", 1)
    assert beautify(LanguagePipeline(before), [request]) == beautify(LanguagePipeline(after), [request])


def test_file_is_converted_once_until_it_changes(file: Path, tmp_path: Path) -> None:
    folder = converted(file, tmp_path / "cache")
    first = (folder / MARK).stat().st_ino
    assert (converted(file, tmp_path / "cache") / MARK).stat().st_ino == first
    with file.open("ab") as opened:
        opened.write(bytes(32))
    assert (converted(file, tmp_path / "cache") / MARK).stat().st_ino != first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Tiny.F32", "Tiny.F32.gguf"]


def test_conversion_may_be_read_by_others(file: Path, tmp_path: Path) -> None:
    folder = converted(file, tmp_path / "cache")
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in folder.iterdir())
    assert {weight.dtype for weight in load_file(folder / "model.safetensors").values()} == {torch.float16}


def test_conversion_goes_to_the_cache_where_it_cannot_lie_beside(file: Path, tmp_path: Path) -> None:
    file.with_suffix("").touch()
    folder = converted(file, tmp_path / "cache")
    assert folder.parent == tmp_path / "cache"
    assert converted(file, tmp_path / "cache") == folder


def test_somebody_elses_folder_beside_the_file_stays(file: Path, tmp_path: Path) -> None:
    own = file.with_suffix("")
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    assert converted(file, tmp_path / "cache").parent == tmp_path / "cache"
    assert [path.name for path in own.iterdir()] == ["notes.txt"]


def test_nobody_needs_a_home(file: Path, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from model.language.gguf import converted; converted(pathlib.Path(sys.argv[1]))"
    )
    lost = f"import os; os.environ.pop('HOME', None); os.getuid = lambda: 10**6; {code}"
    subprocess.run([sys.executable, "-W", "ignore", "-c", lost, file], check=True)
    assert (file.with_suffix("") / MARK).is_file()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"some text, which is no model"])
def test_file_that_is_none(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"^{file}: "):
        converted(file, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == [file]
