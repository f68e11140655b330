"""Trains KandiSuperRes x4 and x2: networks on pixels that predict the large picture (report, section 5.2)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from model.multidiffusion import UpscalingSampler
from model.pixels import Pixels, to_pixels
from model.schedule import NUM_TRAIN_TIMESTEPS, linear_alphas
from model.superres import SuperResUNet
from model.training.bank import Bank, to_tensor
from model.training.compositions import Frame
from model.training.config import StageConfig, SuperResTraining
from model.training.loop import Stage, Training
from model.training.pictures import PICTURES_FOLDER
from model.training.run import Run
from model.training.superres.degradations import degrade
from model.training.superres.start import start_bilinear
from model.upscaler import Upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest

X4, X2 = "superres_x4", "superres_x2"
#: Held-out compositions that are enlarged for the log.
NUM_MEASURED = 4


@dataclass(frozen=True)
class Pair:
    """Large pictures (B, 3, H, W) and what is found of them, (B, 3, h, w), all in [-1, 1]."""

    large: Tensor
    small: Tensor


class Cuts:
    """Squares cut from rendered compositions, with their small versions; each step has its own."""

    def __init__(
        self,
        config: SuperResTraining,
        scale: int,
        device: torch.device,
        pictures: Path = PICTURES_FOLDER,
    ) -> None:
        side = config.data.side
        self.bank = Bank(config.data, Frame(side, side), config.data.num_pictures, pictures)
        self.config = config
        self.scale = scale
        self.device = device

    def batch(self, size: int, step: int) -> Pair:
        """The pairs of a step; there are fewer than `size` where its cuts are not the smallest.

        What is small about them is drawn from torch's global generator, which the loop seeds for each step.
        """
        rng = np.random.default_rng((self.config.data.seed, step))
        sides = self.config.cut_sides
        side = int(rng.choice(sides))
        count = max(1, size * min(sides) ** 2 // side**2)
        large = to_tensor(np.stack([self._cut(rng, side) for _ in range(count)])).to(self.device)
        return Pair(large, degrade(large, self.scale, self.config.degradations))

    def _cut(self, rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
        """The busiest of a few cuts of one composition, turned and mirrored at random."""
        picture = self.bank.pixels[rng.integers(len(self.bank))]
        corners = rng.integers(0, len(picture) - side + 1, (self.config.num_tries, 2))
        cuts = [picture[top : top + side, left : left + side] for top, left in corners]
        turned: NDArray[np.uint8] = np.rot90(max(cuts, key=np.std), int(rng.integers(4)))
        return turned[::-1] if rng.random() < 0.5 else turned


def train_x4(run: Run, device: torch.device, deadline: float) -> bool:
    """Trains until the stage or the time is over; returns whether the stage is complete."""
    run.begin("superres")
    config = run.config.superres
    torch.manual_seed(config.data.seed)
    network = SuperResUNet(config.network)
    start_bilinear(network)
    return _train(run, X4, network, config.x4_stage, Cuts(config, 4, device, run.pictures), deadline)


def train_x2(run: Run, device: torch.device, deadline: float) -> bool:
    """The same for x2, which starts from x4: both sharpen what was enlarged bilinearly.

    Raises Unfinished unless x4 is complete.
    """
    run.require_complete(X4, run.config.superres.x4_stage.num_steps)
    run.begin("superres")
    config, network = run.config.superres, load_superres(run, X4)
    return _train(run, X2, network, config.x2_stage, Cuts(config, 2, device, run.pictures), deadline)


def load_superres(run: Run, stage: str) -> SuperResUNet:
    """The averaged network of a stage as trained so far. Raises NotTrained before it is."""
    network = SuperResUNet(run.config.superres.network)
    network.load_state_dict(run.load_average(stage))
    return network


def diffuse(pictures: Tensor, timesteps: Tensor) -> Tensor:
    """Pictures with new noise, as strong as the linear schedule has it at each timestep (B,)."""
    alpha = linear_alphas().to(pictures.device)[timesteps][:, None, None, None]
    return alpha.sqrt() * pictures + (1 - alpha).sqrt() * torch.randn_like(pictures)


def draw_integers(bounds: tuple[int, int], pictures: Tensor) -> Tensor:
    """One integer for each picture, (B,), from the first bound to below the last."""
    return torch.randint(*bounds, (len(pictures),), device=pictures.device)


def reconstruction_loss(predicted: Tensor, pictures: Tensor) -> Tensor:
    """Mean squared and mean absolute error, a scalar."""
    error = predicted.float() - pictures
    return error.square().mean() + error.abs().mean()


@torch.inference_mode()
def measure(average: nn.Module, cuts: Cuts, sampler: UpscalingSampler) -> dict[str, float]:
    """How near a network comes to clean held-out compositions, and how near bicubic does, in dB."""
    assert isinstance(average, SuperResUNet)
    pipeline = UpscalePipeline(Upscaler("", average, cuts.scale, sampler))
    pictures = cuts.bank.held_out[:NUM_MEASURED]
    small = to_pixels(F.interpolate(pictures, scale_factor=1 / cuts.scale, mode="bicubic", antialias=True))
    enlarged = np.stack([_enlarge(pipeline, picture) for picture in small])
    bicubic = to_pixels(F.interpolate(to_tensor(small), scale_factor=float(cuts.scale), mode="bicubic"))
    return {"psnr": _psnr(enlarged, pictures), "bicubic_psnr": _psnr(bicubic, pictures)}


def _train(
    run: Run, name: str, network: SuperResUNet, config: StageConfig, cuts: Cuts, deadline: float
) -> bool:
    network.to(cuts.device)

    def step_loss(step: int) -> Tensor:
        pair = cuts.batch(config.batch_size, step)
        timesteps = _draw_timesteps(len(pair.large), run.config.superres.timestep_power, cuts.device)
        return reconstruction_loss(network(diffuse(pair.large, timesteps), timesteps, pair.small), pair.large)

    stage = Stage(
        name,
        config,
        network,
        step_loss,
        measure=lambda average: measure(average, cuts, "dpmsolver++"),
        compiled=(network,),
    )
    return Training(run, stage).go_on(cuts.device, deadline)


def _draw_timesteps(count: int, power: float, device: torch.device) -> Tensor:
    """Timesteps (count,), the noisier the likelier where `power` is below 1."""
    drawn = NUM_TRAIN_TIMESTEPS * torch.rand(count, device=device) ** power
    return drawn.long().clamp(max=NUM_TRAIN_TIMESTEPS - 1)


def _enlarge(pipeline: UpscalePipeline, picture: Pixels) -> Pixels:
    upscalings = pipeline.start([UpscaleRequest(picture, seed=0)])
    while not upscalings[0].is_done:
        pipeline.step(upscalings)
    return pipeline.decode(upscalings)[0]


def _psnr(pixels: Pixels, pictures: Tensor) -> float:
    """Peak signal-to-noise ratio over all pixels."""
    return float(10 * np.log10(4 / (to_tensor(pixels) - pictures).square().mean().item()))
