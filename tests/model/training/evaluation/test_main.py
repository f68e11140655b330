from pathlib import Path

import pytest

from model.training.evaluation import sheets as sheets_module
from model.training.evaluation.__main__ import main


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "evaluation.md"


@pytest.mark.usefixtures("few_objects")
def test_writes_a_table_and_sheets(family: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROMPTS", "RUSSIAN_PROMPTS"):
        monkeypatch.setattr(sheets_module, name, ("a cat", "кошка"))
    for name in ("NUM_PAIRS", "NUM_INPAINTED", "NUM_ENLARGED"):
        monkeypatch.setattr(sheets_module, name, 1)
    sheets = output.parent / "sheets"
    words = [f"cpu={family}", "--only", "autoencoder", "-o", str(output), "--sheets", str(sheets)]
    assert main(["--device", "cpu", "--quick", "--steps", "2", "--checkpoints", *words]) == 0
    text = output.read_text()
    assert "| measure | cpu | reference | pictures |" in text
    assert "--only autoencoder" in text
    assert "](sheets/cpu-base.png)" in text
    kinds = {"base", "russian", "pairs", "flash", "inpainting", "x4", "x2", "flash-x2"}
    assert {path.name for path in sheets.iterdir()} == {f"cpu-{kind}.png" for kind in kinds}


def test_a_wrong_folder_is_named(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--checkpoints", "nowhere", "-o", str(output)]) == 1
    assert "nowhere has none of the folders" in capsys.readouterr().err
    assert not output.exists()


def test_a_wrong_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "objects,colours"])
    assert "'colours' is none of objects" in capsys.readouterr().err
