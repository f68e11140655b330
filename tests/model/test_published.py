from functools import cache

import pytest
import torch

from model.costs import Cost
from model.published import IMAGE_MODELS, LANGUAGE, MODELS, published_costs

#: Counts of the published networks, each U-Net with its projection.
ENCODER, PROJECTION, MOVQ, SUPERRES = 8_721_797_632, 16_785_408, 270_603_567, 413_205_251
UNET, INPAINTING_UNET = 3_038_562_820 + PROJECTION, 3_038_571_460 + PROJECTION
#: Of neural-chat-7b-v3-1, as of every Mistral 7B with 32,000 tokens.
MISTRAL = 7_241_732_096


@cache
def costs() -> list[Cost]:
    return published_costs(MODELS)


def total(names: tuple[str, ...]) -> int:
    """Bytes of the weights of models, with what they share."""
    return sum(cost.weights for cost in costs() if cost.name in (*names, "FLAN-UL2", "MoVQ"))


def test_networks_have_as_many_weights_as_the_published_ones() -> None:
    counts = [cost.num_weights for cost in costs()]
    assert counts == [ENCODER, MOVQ, UNET, UNET, INPAINTING_UNET, SUPERRES, SUPERRES, SUPERRES, MISTRAL]
    assert sum(counts[:3]) == 12_047_749_427


@pytest.mark.parametrize(
    ("models", "gigabytes"),
    [(("kandinsky-3",), 24.1), (IMAGE_MODELS, 38.8), ((*IMAGE_MODELS, LANGUAGE), 53.3)],
)
def test_weights_in_bf16(models: tuple[str, ...], gigabytes: float) -> None:
    assert total(models) / 1e9 == pytest.approx(gigabytes, abs=0.05)


def test_text_encoder_in_int8_is_half_as_large() -> None:
    [encoder] = [cost for cost in costs() if cost.role == "text encoder"]
    assert encoder.weights == 2 * ENCODER
    assert encoder.int8_weights / encoder.weights == pytest.approx(0.508, abs=0.001)


def test_larger_pictures_take_more_memory_at_work_only() -> None:
    [_, movq, unet] = published_costs(["kandinsky-3"], torch.bfloat16, 512)
    assert (unet.weights, movq.weights) == (costs()[2].weights, costs()[1].weights)
    assert costs()[1].activations == pytest.approx(4 * movq.activations, rel=0.01)
    assert costs()[2].activations > 2 * unet.activations


def test_models_that_were_not_published() -> None:
    with pytest.raises(
        ValueError, match=r"no published model is called 'kandinsky-9'; there is kandinsky-3, "
    ):
        published_costs(["kandinsky-9"])
    with pytest.raises(ValueError, match="side should be a multiple of 64, got 1000"):
        published_costs(["kandinsky-3"], torch.bfloat16, 1000)
