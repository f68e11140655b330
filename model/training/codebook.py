"""A codebook that follows the latents, by moving averages (van den Oord et al. 2017, appendix A.1)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Share of a code's old value that stays at each step.
DECAY = 0.99
#: Vectors per batch, on average, below which a code counts as dead and is set anew.
DEAD = 0.01


class Codebook(nn.Module):
    """`num_codes` vectors; each is the moving average of the latent vectors that it is nearest to."""

    codes: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, num_codes: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(num_codes, channels))
        self.register_buffer("counts", torch.zeros(num_codes))
        self.register_buffer("sums", torch.zeros(num_codes, channels))

    def nearest(self, latents: Tensor) -> Tensor:
        """Latents (B, C, h, w) to the codes that are nearest to them, of the same shape."""
        return self._look_up(latents, self._indices(_vectors(latents)))

    def quantise(self, latents: Tensor) -> Tensor:
        """The same, with the gradient passed straight through (van den Oord et al. 2017, section 3.2)."""
        return latents + (self.nearest(latents) - latents).detach()

    @torch.no_grad()
    def follow(self, latents: Tensor) -> None:
        """Moves the codes towards the latents of a batch; dead codes start again at some of them."""
        vectors = _vectors(latents.float())
        indices = self._indices(vectors)
        counts = torch.bincount(indices, minlength=len(self.codes)).to(vectors.dtype)
        self.counts.lerp_(counts, 1 - DECAY)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, indices, vectors), 1 - DECAY)
        self.codes.copy_(self.sums / self.counts.clamp(min=1e-6)[:, None])
        if len(dead := (self.counts < DEAD).nonzero()[:, 0]):
            self._revive(dead, vectors)

    def _revive(self, dead: Tensor, vectors: Tensor) -> None:
        chosen = vectors[torch.randint(len(vectors), (len(dead),), device=vectors.device)]
        self.codes[dead] = chosen
        self.sums[dead] = chosen
        self.counts[dead] = 1.0

    def _indices(self, vectors: Tensor) -> Tensor:
        return torch.cdist(vectors.float(), self.codes).argmin(dim=1)

    def _look_up(self, latents: Tensor, indices: Tensor) -> Tensor:
        batch, channels, height, width = latents.shape
        return F.embedding(indices, self.codes).view(batch, height, width, channels).permute(0, 3, 1, 2)


def _vectors(latents: Tensor) -> Tensor:
    return latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
