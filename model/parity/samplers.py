"""Each sampler, with the noise of a file, beside the pictures that the file holds.

A formula stands for the network.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from model.dpm_solver import solver_steps
from model.multidiffusion import Plan, Upscaling, plan, step
from model.parity.golden import Golden, Pairs
from model.schedule import Steps, Trajectory, cosine_alphas, cosine_betas, guide, trajectory
from model.superres import upsample
from model.tiling import Windows

#: The formulas, as the files name them.
LATENT_FORM = "tanh(0.7*x[:, :4] + 0.5*t/1000 + sum(context*mask)/10 + mean(x[:, 4:], channel))"
PICTURE_FORM = "tanh(0.3*x + 0.6*lowres_upsampled_bilinear + 0.1*t/1000)"


def sampler_kandinsky(golden: Golden) -> Pairs:
    """The sampler of the original repository, with guidance and, where the file says so, inpainting."""
    golden.require_form(LATENT_FORM)
    config = golden.config
    path = trajectory("kandinsky", config["steps"], config["percentile"] or 0.0, config["eta"])
    yield Steps(path.table).timesteps, golden["timesteps"]
    yield cosine_betas(), golden["betas"]
    yield cosine_alphas(), golden["alphas_cumprod"]
    known = [golden[name] for name in ("mask", "masked_latent") if name in golden.tensors]
    negative, scale = _negative(golden), torch.tensor(config["guidance"])

    def predict(latent: Tensor, timesteps: Tensor) -> Tensor:
        x = torch.cat([latent, *known], dim=1)
        conditional = _latent_form(x, timesteps, golden["context"], golden["context_mask"])
        return guide(conditional, _latent_form(x, timesteps, *negative), scale)

    yield _sample(path, golden["x_T"], golden["noises"], predict), golden["output"]


def _negative(golden: Golden) -> tuple[Tensor, Tensor]:
    """Context and mask of the negative prompt, which has the prompt's mask, or of the empty text."""
    if "negative_context" in golden.tensors:
        return golden["negative_context"], golden["context_mask"]
    context, mask = torch.zeros_like(golden["context"]), torch.zeros_like(golden["context_mask"])
    context[:, 0], mask[:, 0] = golden["null_embedding"], True
    return context, mask


def sampler_flash(golden: Golden) -> Pairs:
    """The four steps of Kandinsky 3.1 Flash."""
    golden.require_form(LATENT_FORM)
    path = trajectory("flash", len(golden.config["times"]))
    yield Steps(path.table).timesteps, golden["timesteps"]
    first, *noises = golden["noises"]

    def predict(latent: Tensor, timesteps: Tensor) -> Tensor:
        return _latent_form(latent, timesteps, golden["context"], golden["context_mask"])

    start = path.start(golden["x_T"], first)
    yield _sample(path, start, torch.stack([*noises, torch.zeros_like(first)]), predict), golden["output"]


def _sample(
    path: Trajectory, latent: Tensor, noises: Tensor, predict: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    for row, noise in zip(path.table, noises, strict=True):
        steps = Steps(row.expand(len(latent), -1))
        latent = steps.advance(latent, predict(latent, steps.timesteps), noise)
    return latent


def _latent_form(x: Tensor, timesteps: Tensor, context: Tensor, mask: Tensor) -> Tensor:
    """LATENT_FORM, with its last term for inpainting alone."""
    text = (context * mask[:, :, None]).sum(dim=(1, 2)) / 10
    total = 0.7 * x[:, :4] + (0.5 * timesteps / 1000)[:, None, None, None] + text[:, None, None, None]
    return torch.tanh(total + x[:, 4:].mean(dim=1, keepdim=True) if x.shape[1] > 4 else total)


def superres_multidiffusion(golden: Golden) -> Pairs:
    """Windows and DPM-Solver++."""
    golden.require_form(PICTURE_FORM)
    config = golden.config
    way = Plan(solver_steps(config["steps"]), Windows(config["window"], config["stride"]))
    upscaling = Upscaling.start(golden["lowres"], way, lambda _: golden["x_T"], golden["output"].shape[2:])
    yield torch.tensor([solver_step.timestep for solver_step in upscaling.steps]), golden["timesteps"]
    yield torch.tensor(upscaling.views), golden["views"]
    yield _enlarge(upscaling), golden["output"]


def superres_flash(golden: Golden) -> Pairs:
    """The four steps of KandiSuperRes Flash."""
    golden.require_form(PICTURE_FORM)
    draws = [golden["x_T"], *golden["noises"]]
    way = plan("flash", len(golden["noises"]))
    yield (
        _enlarge(Upscaling.start(golden["lowres"], way, draws.__getitem__, golden["output"].shape[2:])),
        golden["output"],
    )


def _enlarge(upscaling: Upscaling) -> Tensor:
    while not upscaling.is_done:
        step(_picture_form, [upscaling])
    return upscaling.noisy


def _picture_form(x: Tensor, timesteps: Tensor, lowres: Tensor) -> Tensor:
    """PICTURE_FORM."""
    time = (0.1 * timesteps / 1000)[:, None, None, None]
    return torch.tanh(0.3 * x + 0.6 * upsample(lowres, x.shape[2:]) + time)
