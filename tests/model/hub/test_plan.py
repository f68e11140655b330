from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from model.hub.plan import PlanOptions, plan, print_plan
from model.published import IMAGE_MODELS

BASE = ("kandinsky-3",)


def printed(options: PlanOptions, width: int = 200) -> str:
    console = Console(file=StringIO(), width=width)
    print_plan(plan(options), console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("memory", "profile"),
    [(32, "resident"), (24, "encoder-int8"), (16, "encoder-cpu"), (12, "offload-encoder-int8")],
)
def test_base_model_on_cards_of_all_sizes(memory: float, profile: str) -> None:
    planned = plan(PlanOptions(memory, models=BASE))
    assert planned.profile is not None
    assert planned.profile.name == profile


def test_profile_that_is_asked_for() -> None:
    planned = plan(PlanOptions(24, models=BASE, profile="offload"))
    assert planned.profile is not None
    assert planned.profile.name == "offload"
    assert "24.1 GB of host memory of 20.0 GB" in plan(PlanOptions(24, 20, BASE, profile="offload")).refusal


def test_table_says_where_each_network_is() -> None:
    text = printed(PlanOptions(24, models=BASE))
    assert "FLAN-UL2" in text
    assert "device, int8" in text
    assert "encoder-int8: " in text
    assert "chosen" in text


@pytest.mark.parametrize("memory", [13, 24])
def test_a_terminal_of_80_columns_shows_every_row_in_one_line(memory: float) -> None:
    text = printed(PlanOptions(memory), width=80)
    assert "…" not in text
    assert text.count("when used") == len(IMAGE_MODELS) + 2
    lines = [line for line in text.splitlines() if "when used" in line]
    assert [name for name in IMAGE_MODELS if not any(name in line.split() for line in lines)] == []


def test_refusal_is_printed_with_the_table() -> None:
    text = printed(PlanOptions(4, models=BASE))
    assert "Refused: no memory profile fits; that with the least need is offload-encoder-cpu" in text
    assert "kandinsky-3" in text


def test_folder_of_checkpoints(tiny_family: Path) -> None:
    options = PlanOptions(2, folder=tiny_family, models=("tiny", "tiny-x4"), dtype=torch.float32)
    assert [cost.role for cost in plan(options).costs] == [
        "text encoder",
        "autoencoder",
        "U-Net",
        "super-resolution",
    ]
    with pytest.raises(ValueError, match=r"no model in .* is called 'large'; there is tiny, "):
        plan(PlanOptions(2, folder=tiny_family, models=("large",)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"memory": 0}, "memory should be more than 0 GB and less than a million, got 0"),
        ({"memory": float("nan")}, "memory should be more than 0 GB"),
        ({"memory": 24, "host_memory": -1}, "host_memory should be more than 0 GB"),
        ({"memory": 24, "profile": "fast"}, "profile should be one of resident, .*, got 'fast'"),
    ],
)
def test_options_that_make_no_sense(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlanOptions(**fields)  # type: ignore[arg-type]
