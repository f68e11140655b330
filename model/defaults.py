"""What pictures are made with unless something else is asked for, and how far what is asked for may go."""

from typing import NamedTuple


class StepRange(NamedTuple):
    """Numbers of steps that a sampler is meant for."""

    default: int
    least: int
    most: int


STEPS = {
    "ddpm": StepRange(25, 1, 200),
    "kandinsky": StepRange(50, 1, 200),
    "flash": StepRange(4, 4, 4),
    "dpmsolver++": StepRange(5, 1, 50),
}
INPAINTING_STEPS = StepRange(25, 1, 200)
#: Guidance scales; at 1 there is no guidance.
GUIDANCE, INPAINTING_GUIDANCE, NO_GUIDANCE, MAX_GUIDANCE = 3.0, 4.0, 1.0, 20.0
#: The share of the steps that is taken from an image, as published.
STRENGTH = 0.3
#: Sides of the largest picture that is made of a smaller one, by super-resolution or window by window.
MAX_SIDE = 4096


def step_range(sampler: str, *, inpaints: bool) -> StepRange:
    """The steps of a sampler of a checkpoint that draws."""
    return INPAINTING_STEPS if inpaints else STEPS[sampler]


def guidance(sampler: str, *, inpaints: bool) -> float:
    """The guidance scale of a sampler of a checkpoint that draws; Flash takes none."""
    if sampler == "flash":
        return NO_GUIDANCE
    return INPAINTING_GUIDANCE if inpaints else GUIDANCE


def largest(side: int) -> tuple[int, int]:
    """The longest side, and the most pixels, of what is drawn as a whole by a network for `side` x `side`."""
    return 2 * side, 2 * side * side
