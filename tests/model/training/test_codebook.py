import torch

from model.training.codebook import Codebook

CENTRES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])


def latents(count: int, noise: float = 0.02) -> torch.Tensor:
    """Vectors around the centres, as latents (count, 2, 3, 4)."""
    vectors = CENTRES[torch.randint(3, (count * 12,))]
    return (vectors + noise * torch.randn_like(vectors)).view(count, 3, 4, 2).permute(0, 3, 1, 2)


def test_codes_find_the_latents_there_are() -> None:
    torch.manual_seed(0)
    codebook = Codebook(8, 2)
    for _ in range(200):
        codebook.follow(latents(8))
    assert torch.cdist(CENTRES, codebook.codes).min(dim=1).values.max() < 0.05


def test_nearest_code_is_found_at_every_position() -> None:
    codebook = Codebook(3, 2)
    codebook.codes.copy_(CENTRES)
    torch.manual_seed(0)
    expected = latents(2, noise=0)
    found = codebook.nearest(expected + 0.1)
    assert torch.equal(found, expected)


def test_gradient_passes_straight_through() -> None:
    codebook = Codebook(3, 2)
    codebook.codes.copy_(CENTRES)
    values = torch.zeros(1, 2, 2, 2, requires_grad=True)
    codebook.quantise(values).sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, torch.ones_like(values))


def test_dead_codes_start_again_at_latents() -> None:
    torch.manual_seed(0)
    codebook = Codebook(4, 2)
    codebook.follow(torch.full((1, 2, 4, 4), 5.0))
    assert torch.equal(codebook.codes, torch.full((4, 2), 5.0))
