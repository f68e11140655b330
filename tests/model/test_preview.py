import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, linear

from model.movq import MoVQ, MoVQConfig
from model.pipeline import Pipeline
from model.preview import fit_preview
from tests.model.conftest import MakeRequest

WEIGHT = torch.tensor([[0.3, 0.1, 0.0], [0.0, -0.5, 0.2], [0.4, 0.4, 0.1], [0.0, 0.0, 0.7]])
BIAS = torch.tensor([0.1, -0.2, 0.0, 0.3])


class AffineMoVQ(MoVQ):
    """Its latents are an affine map of the mean colours."""

    def encode(self, pictures: Tensor) -> Tensor:
        return linear(avg_pool2d(pictures, 8).movedim(1, 3), WEIGHT, BIAS).movedim(3, 1)


def test_preview_undoes_an_affine_encoder() -> None:
    movq = AffineMoVQ(MoVQConfig(block_out_channels=(32,) * 4, layers_per_block=1))
    pictures = torch.rand(2, 3, 64, 128) * 2 - 1
    found = fit_preview(movq)(movq.encode(pictures))
    assert torch.allclose(found, avg_pool2d(pictures, 8), atol=1e-4)


def test_preview_has_the_size_of_the_latent(pipeline: Pipeline, make_request: MakeRequest) -> None:
    [sample] = pipeline.start([make_request(width=128)])
    picture = pipeline.preview(sample)
    assert picture.shape == (8, 16, 3)
    assert picture.std() > 0
