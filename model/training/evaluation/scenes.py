"""Real renderings: compositions of known content, none of which any network was trained on."""

from collections.abc import Sequence
from random import Random

import numpy as np

from model.pixels import Pixels
from model.training.captions import COLOURS, Colour
from model.training.compositions import RGB, Composition, Frame, Placement, Renderer
from model.training.pictures import Picture

#: Sizes of an object alone, of two in a wide frame, and of two in a square one, of the shorter side.
SINGLE_SIZE, WIDE_SIZE, PAIR_SIZE = (0.7, 0.95), (0.78, 0.92), (0.38, 0.46)
#: Where two objects stand, of the width.
PAIR_PLACES = (0.26, 0.74)
#: Largest change of a background's red, green and blue.
JITTER = 12

Pair = tuple[Picture, Picture]


def draw_scene(rng: Random, picture: Picture) -> Composition:
    """An object of any size, anywhere within the frame, on a background of any colour."""
    size = rng.uniform(*SINGLE_SIZE)
    reach = (1 - size) / 2
    x, y = (0.5 + rng.uniform(-reach, reach) for _ in range(2))
    return Composition((Placement(picture, x, y, size),), vary(rng, rng.choice(COLOURS)), "")


def draw_scenes(pictures: Sequence[Picture], seed: int) -> list[Composition]:
    """One scene for each of the objects."""
    rng = Random(seed)
    return [draw_scene(rng, picture) for picture in pictures]


def draw_pairs(pictures: Sequence[Picture], count: int, seed: int) -> list[Pair]:
    """Pairs of different objects."""
    rng = Random(seed)
    chosen = (rng.sample(pictures, 2) for _ in range(count))
    return [(left, right) for left, right in chosen]


def draw_pair_scenes(pairs: Sequence[Pair], frame: Frame, seed: int) -> list[Composition]:
    """Each pair side by side."""
    rng = Random(seed)
    sizes = WIDE_SIZE if frame.is_wide else PAIR_SIZE
    return [
        Composition(
            tuple(
                Placement(picture, place, 0.5, rng.uniform(*sizes))
                for picture, place in zip(pair, PAIR_PLACES, strict=True)
            ),
            vary(rng, rng.choice(COLOURS)),
            "",
        )
        for pair in pairs
    ]


def vary(rng: Random, colour: Colour) -> RGB:
    """A background of about that colour."""
    red, green, blue = (min(255, max(0, value + rng.randint(-JITTER, JITTER))) for value in colour.rgb)
    return red, green, blue


def render(scenes: Sequence[Composition], frame: Frame) -> Pixels:
    """The scenes as pictures (N, H, W, 3)."""
    renderer = Renderer(frame)
    return np.stack([renderer.render(scene) for scene in scenes])
