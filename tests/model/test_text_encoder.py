import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from model.pipeline import Pipeline
from model.text_encoder import EOS, MAX_TOKENS, PromptEncoder, TextConditioner
from model.unet import TextProjection

WIDTH, CONTEXT = 6, 10
LENGTHS = (1, 5, MAX_TOKENS - 1, MAX_TOKENS)


@pytest.fixture
def projection() -> TextProjection:
    """A projection of zeros that is not zero, as a trained one's."""
    torch.manual_seed(0)
    projection = TextProjection(WIDTH, CONTEXT)
    nn.init.normal_(projection.projection_norm.bias)
    return projection.requires_grad_(False)


@pytest.fixture
def prompts(pipeline: Pipeline) -> PromptEncoder:
    return pipeline.checkpoint.prompts


def padded(states: Tensor, num_tokens: int) -> Tensor:
    """States cut or padded with zeros to a prompt's tokens and the one padding token that is kept."""
    length = min(num_tokens + 1, MAX_TOKENS)
    return pad(states[:length], (0, 0, 0, length - len(states[:length])))


@pytest.mark.parametrize("num_tokens", LENGTHS)
def test_diffusers_projects_padding(projection: TextProjection, num_tokens: int) -> None:
    states = torch.randn(num_tokens, WIDTH)
    context = TextConditioner(projection).condition_prompt(states)
    assert torch.allclose(context.states[0], projection(states), atol=1e-6)
    assert torch.allclose(context.mean[0], projection(padded(states, num_tokens)).mean(dim=0), atol=1e-6)


@pytest.mark.parametrize("num_tokens", LENGTHS)
def test_original_zeroes_padding_after_the_projection(projection: TextProjection, num_tokens: int) -> None:
    states = torch.randn(num_tokens, WIDTH)
    context = TextConditioner(projection, torch.randn(CONTEXT)).condition_prompt(states)
    expected = padded(projection(states), num_tokens).mean(dim=0)
    assert torch.allclose(context.mean[0], expected, atol=1e-6)


@pytest.mark.parametrize("null_embedding", [None, torch.ones(CONTEXT)], ids=["diffusers", "original"])
def test_batch_gives_every_prompt_its_own_mean(
    projection: TextProjection, null_embedding: Tensor | None
) -> None:
    conditioner = TextConditioner(projection, null_embedding)
    rows = [torch.randn(length, WIDTH) for length in (3, 9, 1)]
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (9 - len(row)) for row in rows])
    batch = conditioner.condition(torch.stack([pad(row, (0, 0, 0, 9 - len(row))) for row in rows]), mask)
    alone = torch.cat([conditioner.condition_prompt(row).mean for row in rows])
    assert torch.allclose(batch.mean, alone, atol=1e-6)
    assert batch.mask.sum(dim=1).tolist() == [3, 9, 1]


@pytest.mark.parametrize("num_tokens", [2, 7, MAX_TOKENS])
@pytest.mark.parametrize("num_negative", [1, 7, 8, 30, MAX_TOKENS])
def test_negative_is_cut_or_padded_to_the_prompt(
    projection: TextProjection, num_tokens: int, num_negative: int
) -> None:
    states = torch.randn(num_negative, WIDTH)
    context = TextConditioner(projection).condition_negative(states, num_tokens)
    assert context.states.shape[1] == min(num_negative, num_tokens + 1, MAX_TOKENS)
    assert context.mask.all()
    assert torch.allclose(context.mean[0], projection(padded(states, num_tokens)).mean(dim=0), atol=1e-6)


def test_no_text_is_the_bias_of_the_projection_in_diffusers(projection: TextProjection) -> None:
    context = TextConditioner(projection).condition_nothing(5)
    assert torch.equal(context.states[0, 0], projection.projection_norm.bias)
    assert torch.equal(context.mean[0], projection.projection_norm.bias)


@pytest.mark.parametrize(("num_tokens", "length"), [(5, 6), (MAX_TOKENS, MAX_TOKENS)])
def test_no_text_is_the_null_embedding_in_the_original(
    projection: TextProjection, num_tokens: int, length: int
) -> None:
    null_embedding = torch.randn(CONTEXT)
    context = TextConditioner(projection, null_embedding).condition_nothing(num_tokens)
    assert torch.equal(context.states[0, 0], null_embedding)
    assert torch.allclose(context.mean[0], null_embedding / length)


def test_truncated_prompt_ends_with_eos(prompts: PromptEncoder) -> None:
    [long, short, empty] = prompts.tokenize(["a red apple " * 100, "a red apple", ""])
    assert len(long) == prompts.max_tokens
    assert long[-1] == short[-1] == EOS
    assert EOS not in long[:-1]
    assert empty == [EOS]


@torch.inference_mode()
def test_states_do_not_depend_on_batch_mates(prompts: PromptEncoder) -> None:
    texts = ["a red apple", "", "a photo of a small dog on a blue background", "кот"]
    for text, together in zip(texts, prompts.encode(texts), strict=True):
        [alone] = prompts.encode([text])
        assert torch.allclose(together, alone, atol=1e-5)


def test_prompt_of_as_many_tokens_as_the_encoder_reads_keeps_its_padding_token(pipeline: Pipeline) -> None:
    """As in training and in diffusers, which know no limit but 128."""
    checkpoint = pipeline.checkpoint
    states = torch.randn(checkpoint.prompts.max_tokens, checkpoint.prompts.width)
    projected = checkpoint.unet.encoder_hid_proj(padded(states, len(states)))
    assert len(projected) == checkpoint.prompts.max_tokens + 1
    context = checkpoint.conditioner.condition_prompt(states)
    assert torch.allclose(context.mean[0], projected.mean(dim=0), atol=1e-6)
