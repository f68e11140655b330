"""What models offer, as the catalog shows it."""

import sys
from pathlib import Path

import pytest
import torch

from model.checkpoint import load_checkpoint
from model.options import read_options
from model.orders import drawing_request
from worker.cards import drawing_card


@pytest.mark.parametrize(
    ("name", "sampler"), [("tiny", "ddpm"), ("tiny", "kandinsky"), ("tiny-flash", "flash")]
)
def test_the_command_line_draws_as_a_service_does(
    name: str, sampler: str, tiny_family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load_checkpoint(tiny_family / name, torch.device("cpu"))
    monkeypatch.setattr(sys, "argv", ["model", "a cat", "--sampler", sampler])
    request, card = drawing_request(read_options(None), checkpoint), drawing_card(checkpoint)
    [steps] = [offered.default_steps for offered in card.samplers if offered.name == sampler]
    assert (request.num_steps, request.guidance_scale, request.strength) == (
        steps,
        card.default_guidance_scale,
        card.default_strength,
    )
