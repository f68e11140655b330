import math

import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from model.schedule import (
    FLASH_TIMESTEPS,
    Sampler,
    Steps,
    cosine_alphas,
    cosine_betas,
    draw_noise,
    guide,
    linear_alphas,
    trajectory,
)

SHAPE = (4, 8, 8)
#: Each differs from the others in timesteps, bound and noise.
PATHS = (
    trajectory("kandinsky", 7),
    trajectory("kandinsky", 50, 0.95),
    trajectory("kandinsky", 10, 0.99, 0.0),
    trajectory("ddpm", 3),
    trajectory("flash", 4),
)


def timesteps(sampler: Sampler, num_steps: int) -> list[float]:
    steps: list[float] = Steps(trajectory(sampler, num_steps).table).timesteps.tolist()
    return steps


@pytest.mark.parametrize(
    ("timestep", "alpha"),
    [
        (0, 0.99995869),
        (19, 0.99825245),
        (229, 0.86877370),
        (479, 0.52500433),
        (729, 0.16685265),
        (979, 0.00097119),
        (999, 2.4287e-9),
    ],
)
def test_cosine_alphas_as_published(timestep: int, alpha: float) -> None:
    assert cosine_alphas()[timestep].item() == pytest.approx(alpha, rel=1e-5)


@pytest.mark.parametrize(
    ("timestep", "alpha"), [(979, 6.0219e-5), (729, 0.0045175), (479, 0.0957942), (229, 0.5778470)]
)
def test_linear_alphas_as_published(timestep: int, alpha: float) -> None:
    assert linear_alphas()[timestep].item() == pytest.approx(alpha, rel=1e-4)


def test_the_last_beta_is_clamped() -> None:
    assert cosine_betas()[0].item() == pytest.approx(4.1284e-5, rel=1e-4)
    assert cosine_betas()[999].item() == pytest.approx(0.999)


@pytest.mark.parametrize(
    ("num_steps", "first", "stride", "last"),
    [(50, 999, 20, 19), (25, 999, 40, 39), (30, 999, 34, 13), (20, 999, 50, 49), (100, 999, 10, 9)],
)
def test_timesteps_of_the_original(num_steps: int, first: int, stride: int, last: int) -> None:
    assert timesteps("kandinsky", num_steps) == list(range(first, last - 1, -stride))
    assert len(trajectory("kandinsky", num_steps)) == num_steps


@pytest.mark.parametrize(("num_steps", "first", "stride"), [(50, 981, 20), (25, 961, 40), (30, 958, 33)])
def test_timesteps_of_diffusers(num_steps: int, first: int, stride: int) -> None:
    assert timesteps("ddpm", num_steps) == list(range(first, 0, -stride))


def test_flash_takes_its_four_steps() -> None:
    assert timesteps("flash", 50) == [979, 729, 479, 229] == list(FLASH_TIMESTEPS)


@pytest.mark.parametrize("num_steps", [0, -1, 1000])
def test_an_impossible_number_of_steps_is_refused(num_steps: int) -> None:
    with pytest.raises(ValueError, match=f"not {num_steps}"):
        trajectory("ddpm", num_steps)


def test_roots_are_rounded_correctly() -> None:
    steps = Steps(trajectory("kandinsky", 500).table)
    alphas = cosine_alphas()[steps.timesteps.long()].tolist()
    assert torch.equal(steps.signal.flatten(), torch.tensor([math.sqrt(alpha) for alpha in alphas]))


def test_the_last_step_adds_no_noise() -> None:
    latents = torch.randn(len(PATHS), *SHAPE)
    last = Steps(torch.stack([path.table[-1] for path in PATHS]))
    calm, noisy = (last.advance(latents, latents, noise) for noise in (torch.zeros(1), torch.ones(1)))
    assert torch.equal(calm, noisy)


def test_a_step_is_the_same_alone_as_in_a_batch() -> None:
    rows = torch.stack([path.table[i % len(path)] for i in range(3) for path in PATHS])
    latents, predicted, noises = torch.randn(3, len(rows), *SHAPE)
    batched = Steps(rows).advance(latents, predicted, noises)
    for i in range(len(rows)):
        one = slice(i, i + 1)
        alone = Steps(rows[one]).advance(latents[one], predicted[one], noises[one])
        assert torch.equal(batched[one], alone)


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("size", [2, 3, 8, 17])
def test_the_threshold_is_the_quantile(fraction: float, size: int) -> None:
    pictures = 5 * torch.randn(3, 4, size, size)
    steps = Steps(trajectory("kandinsky", 5, fraction).table[:3])
    quantile = torch.quantile(pictures.abs().flatten(1), fraction, dim=1).clamp(min=1)
    assert torch.equal(steps.limit(pictures).flatten(), quantile)


def test_pictures_are_bounded_as_their_sampler_says() -> None:
    steps = Steps(torch.stack([PATHS[0].table[2], PATHS[3].table[1], PATHS[4].table[1]]))
    limits = steps.limit(torch.full((3, *SHAPE), 7.0)).flatten()
    assert limits.tolist() == [7, 1, math.inf]


@pytest.mark.parametrize("num_steps", [1, 4, 25])
def test_ddpm_is_the_scheduler_of_diffusers(num_steps: int) -> None:
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        variance_type="fixed_small",
        timestep_spacing="leading",
        steps_offset=1,
    )
    scheduler.set_timesteps(num_steps)
    path = trajectory("ddpm", num_steps)
    ours = theirs = draw_noise(0, 0, 0, (1, *SHAPE))
    for i, timestep in enumerate(scheduler.timesteps):
        noise = torch.randn(ours.shape, generator=torch.Generator().manual_seed(i))
        ours = Steps(path.table[i : i + 1]).advance(ours, ours.tanh(), noise)
        generator = torch.Generator().manual_seed(i)
        theirs = scheduler.step(theirs.tanh(), timestep, theirs, generator=generator).prev_sample
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_flash_mixes_its_first_noise_with_a_second() -> None:
    first, second = torch.randn(2, 1, *SHAPE)
    alpha = cosine_alphas()[979].item()
    expected = math.sqrt(alpha) * first + math.sqrt(1 - alpha) * second
    torch.testing.assert_close(trajectory("flash", 4).start(first, second), expected)
    assert trajectory("ddpm", 4).start(first, second) is first


def test_the_tail_of_a_path_begins_at_its_level_of_noise() -> None:
    path = trajectory("kandinsky", 50).tail(10)
    alpha = cosine_alphas()[199].item()
    assert len(path) == 10
    noised = path.add_noise(torch.ones(1, *SHAPE), torch.full((1, *SHAPE), 2.0))
    assert noised[0, 0, 0, 0].item() == pytest.approx(math.sqrt(alpha) + 2 * math.sqrt(1 - alpha))


def test_guidance_weighs_as_both_published_pipelines_do() -> None:
    conditional, unconditional = torch.tensor(2.0), torch.tensor(1.0)
    assert guide(conditional, unconditional, torch.tensor(3.0)).item() == 5


def test_noise_depends_on_its_key_alone() -> None:
    wanted = draw_noise(7, 1, 3, SHAPE)
    torch.manual_seed(0)
    draw_noise(1, 2, 3, SHAPE)
    assert torch.equal(draw_noise(7, 1, 3, SHAPE), wanted)


@pytest.mark.parametrize("key", [(8, 1, 3), (7, 0, 3), (7, 1, 4), (71, 3, 3), (2**32 - 1, 1, 3)])
def test_other_keys_give_other_noise(key: tuple[int, int, int]) -> None:
    assert not torch.equal(draw_noise(*key, SHAPE), draw_noise(7, 1, 3, SHAPE))


def test_noise_leaves_the_global_generator_alone() -> None:
    def drawn(between: bool) -> Tensor:
        torch.manual_seed(0)
        if between:
            draw_noise(7, 1, 3, SHAPE)
        return torch.randn(3)

    assert torch.equal(drawn(between=True), drawn(between=False))


def test_noise_is_standard_normal() -> None:
    noise = draw_noise(0, 0, 0, (1, 4, 64, 64))
    assert noise.mean().item() == pytest.approx(0, abs=0.03)
    assert noise.std().item() == pytest.approx(1, abs=0.03)
