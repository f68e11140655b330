"""The autoencoder on pictures of any size, a tile at a time (the published settings of KandiSuperRes)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from model.movq import MoVQ
from model.pixels import Pixels, from_pixels
from model.residency import use
from model.rows import parts
from model.tiling import Mosaic, View, Windows

#: Latents in one evaluation: one tile of the published size, or more that are smaller.
MAX_LATENTS = {"cuda": 128**2, "cpu": 16**2}


@dataclass(frozen=True)
class TiledMoVQ:
    """Encodes and decodes tiles of `size` latents that overlap by a quarter and fade into one another.

    The published tiles have the size that Kandinsky was trained on.

    Memory is that of one tile and of what comes out. A picture of one tile comes out as of the network
    itself, and one of more nearly so, as norms and attention see a tile each. (The published encoder's tiles
    do not overlap, which leaves seams.)
    """

    movq: MoVQ
    size: int = 128

    @property
    def windows(self) -> Windows:
        """The tiles, in latents."""
        ramp = self.size // 4
        return Windows(self.size, self.size - ramp, ramp)

    def encode(self, picture: Pixels) -> Tensor:
        """Shapes: picture (8h, 8w, 3) -> latent (1, 4, h, w) fp32."""
        use(self.movq)
        stride = self.movq.config.stride
        height, width = (side // stride for side in picture.shape[:2])
        weight = self.movq.encoder.conv_in.weight

        def encode(views: Iterable[View]) -> Tensor:
            cuts = (view.scaled(stride) for view in views)
            tiles = [from_pixels(picture[v.top : v.bottom, v.left : v.right], weight.device) for v in cuts]
            return self.movq.encode(torch.cat(tiles).to(weight.dtype))

        mosaic = Mosaic(self.windows, (1, self.movq.config.latent_channels, height, width), weight.device)
        for view, part in self._tiles(height, width, encode):
            mosaic.add(part, view)
        return mosaic.finish()

    def decode(self, latent: Tensor) -> Tensor:
        """Shapes: latent (1, 4, h, w) -> picture (1, 3, 8h, 8w) fp32, about [-1, 1], not clipped."""
        use(self.movq)
        stride, (height, width) = self.movq.config.stride, latent.shape[2:]
        latent = latent.to(self.movq.decoder.conv_in.weight.dtype)

        def decode(views: Iterable[View]) -> Tensor:
            return self.movq.decode(torch.cat([view.of(latent) for view in views]))

        mosaic = Mosaic(self.windows.scaled(stride), (1, 3, stride * height, stride * width), latent.device)
        for view, part in self._tiles(height, width, decode):
            mosaic.add(part, view.scaled(stride))
        return mosaic.finish()

    def _tiles(
        self, height: int, width: int, work: Callable[[Iterable[View]], Tensor]
    ) -> Iterator[tuple[View, Tensor]]:
        """Each tile, and what the work makes of it."""
        views = self.windows.cover(height, width)
        limit = MAX_LATENTS[self.movq.quant_conv.weight.device.type]
        num_rows = max(1, limit // views[0].area)
        for some in parts(views, num_rows):
            yield from zip(some, work(some).float(), strict=True)
