"""The judge: says which of the known objects a picture shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from model.pixels import Pixels
from model.training.captions import WHITE
from model.training.compositions import Composition, Frame, Placement
from model.training.evaluation.cutout import cut_outs
from model.training.evaluation.features import Features
from model.training.evaluation.scenes import render
from model.training.pictures import Picture

#: Sizes, of the picture's side, at which the judge learns each object, in the middle of a white picture.
SIZES = (0.85, 0.3)


@dataclass(frozen=True)
class Block:
    """What the outputs of one block of the network say about the objects."""

    #: Over all objects, (D,).
    mean: Tensor
    deviation: Tensor
    #: Unit vectors of the objects, (N, D).
    objects: Tensor

    @classmethod
    def of(cls, views: Tensor) -> Self:
        """From the features (V, N, D) of several views of the objects."""
        flat = views.flatten(0, 1)
        mean, deviation = flat.mean(dim=0), flat.std(dim=0) + 1e-6
        units = F.normalize((views - mean) / deviation, dim=2)
        return cls(mean, deviation, F.normalize(units.mean(dim=0), dim=1))

    def likeness(self, features: Tensor) -> Tensor:
        """Cosines (B, N) between features (B, D), standardised, and the objects."""
        return F.normalize((features - self.mean) / self.deviation, dim=1) @ self.objects.T


@dataclass(frozen=True)
class Judge:
    """Knows objects by clean renderings of them; a picture shows the one that is most like it."""

    features: Features
    objects: tuple[Picture, ...]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, features: Features, objects: Sequence[Picture], side: int) -> Self:
        """A judge of pictures of a side in pixels."""
        views = [features.extract(cut_outs(_render(objects, side, size))) for size in SIZES]
        blocks = tuple(Block.of(torch.stack(block)) for block in zip(*views, strict=True))
        return cls(features, tuple(objects), blocks)

    def recognise(self, pictures: Pixels) -> list[Picture]:
        """The object that each of the pictures (N, H, W, 3) shows."""
        return self.recognise_cut_outs(cut_outs(pictures))

    def recognise_cut_outs(self, pictures: Pixels) -> list[Picture]:
        """The same for pictures that are cut out already."""
        pairs = zip(self.blocks, self.features.extract(pictures), strict=True)
        likeness = torch.stack([block.likeness(features) for block, features in pairs]).sum(dim=0)
        return [self.objects[index] for index in likeness.argmax(dim=1).tolist()]


def _render(objects: Sequence[Picture], side: int, size: float) -> Pixels:
    scenes = [Composition((Placement(picture, 0.5, 0.5, size),), WHITE.rgb, "") for picture in objects]
    return render(scenes, Frame(side, side))
