import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.training.run import ConfigurationChanged, Run, Unfinished, copy_atomically, write_atomically
from tests.model.training.tiny import TINY


def test_nothing_is_saved_at_first(tmp_path: Path) -> None:
    assert Run(tmp_path, TINY).load("stage") is None


def test_state_is_that_of_the_last_save(tmp_path: Path) -> None:
    run = Run(tmp_path, TINY)
    for step in (1, 2):
        run.save("stage", {"weight": torch.full((3,), float(step)), "step": step})
    state = Run(tmp_path, TINY).load("stage")
    assert state is not None
    assert state["step"] == 2
    assert state["weight"].tolist() == [2, 2, 2]


def _fail(_: int) -> None:
    raise OSError("disk full")


def test_interrupted_save_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, TINY)
    run.save("stage", {"step": 1})
    with pytest.raises(AttributeError):
        run.save("stage", {"step": lambda: 2})
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", _fail)
        with pytest.raises(OSError, match="disk full"):
            run.save("stage", {"step": 2})
    assert run.load("stage") == {"step": 1}
    run.save("stage", {"step": 3})
    assert run.load("stage") == {"step": 3}


def test_leftovers_of_a_crash_do_not_matter(tmp_path: Path) -> None:
    run = Run(tmp_path, TINY)
    run.save("stage", {"step": 1})
    (tmp_path / "stage.partial").write_bytes(b"half a state")
    (tmp_path / "data.json.partial").write_bytes(b"{")
    again = Run(tmp_path, TINY)
    assert again.load("stage") == {"step": 1}
    again.save("stage", {"step": 2})
    assert again.load("stage") == {"step": 2}


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    Run(tmp_path, TINY).begin("data", "autoencoder")
    changed = Run(tmp_path, replace(TINY, data=replace(TINY.data, num_pictures=9)))
    with pytest.raises(ConfigurationChanged, match=r"begun with data\.num_pictures=8, not 9: resume with"):
        changed.begin("data", "autoencoder")
    with pytest.raises(ConfigurationChanged, match=r"data\.num_pictures=8, not 9"):
        changed.begin("data", "autoencoder", "base")
    Run(tmp_path, TINY).begin("data", "autoencoder", "base")


def test_other_sections_may_change(tmp_path: Path) -> None:
    Run(tmp_path, TINY).begin("data", "autoencoder")
    other = replace(TINY, flash=replace(TINY.flash, critic_learning_rate=1.0))
    Run(tmp_path, other).require_same("data", "autoencoder")


def test_log_has_a_line_for_each_save(tmp_path: Path) -> None:
    run = Run(tmp_path, TINY)
    run.log("stage", step=1, loss=0.5)
    run.log("stage", step=2, loss=0.25)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"], line["loss"]) for line in lines] == [
        ("stage", 1, 0.5),
        ("stage", 2, 0.25),
    ]


def test_written_file_replaces_the_old_one(tmp_path: Path) -> None:
    for content in (b"a long text", b"short"):
        write_atomically(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == b"short"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_copied_folder_replaces_the_old_one(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b")):
        source = tmp_path / str(number) / "inner"
        source.mkdir(parents=True)
        (source / name).write_text(name)
        copy_atomically(source.parent, tmp_path / "copy")
    assert [file.name for file in (tmp_path / "copy").rglob("*") if file.is_file()] == ["b"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "1", "copy"]


def test_part_must_be_complete(tmp_path: Path) -> None:
    run = Run(tmp_path, TINY)
    run.save("stage", {"step": 3})
    run.require_complete("stage", 3)
    with pytest.raises(Unfinished, match="stage is at step 3 of 4: train it to its end first"):
        run.require_complete("stage", 4)
