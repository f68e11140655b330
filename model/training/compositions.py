"""Compositions: objects placed on a plain background, drawn at random and rendered to pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.training.captions import COLOURS, WHITE, Colour, Scene, Side, SizeWord, Wording, write_caption
from model.training.pictures import Picture, Style

Range = tuple[float, float]
RGB = tuple[int, int, int]
#: The same objects, in every style that is drawn.
Pictures = Mapping[Style, Sequence[Picture]]

#: Bytes of scaled objects that a renderer keeps.
CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class CompositionConfig:
    """How compositions are drawn; the defaults suit a small network: one object, large and centred.

    Shares are probabilities. Sizes (of an object's longer side) are fractions of the picture's shorter side;
    places and offsets are fractions of its width and height. Objects are never mirrored, so that left, right
    and lettering keep their meaning. Raises ValueError for a value out of range.
    """

    named_background_share: float = 0.45
    #: Of the pictures whose caption names no background: those on pure white.
    white_share: float = 0.95
    size_word_share: float = 0.06
    side_share: float = 0.06
    pair_share: float = 0.0
    #: Of pairs in pictures wide enough for two objects of full size.
    wide_pair_share: float = 0.5
    tag_share: float = 0.0
    russian_share: float = 0.0
    #: Objects in the flat and in the Noto style; all others are 3D.
    flat_share: float = 0.0
    noto_share: float = 0.0
    size: Range = (0.78, 0.92)
    small_size: Range = (0.4, 0.52)
    large_size: Range = (0.93, 1.0)
    pair_size: Range = (0.38, 0.46)
    #: How far left or right of the middle an object stands that is "on the left" or "on the right".
    side_distance: Range = (0.2, 0.24)
    #: Largest offset from the place that the caption implies.
    offset: float = 0.02
    #: Largest change of a named background's red, green and blue, in 0..255.
    colour_jitter: int = 8

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("_share") and not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {value}")
            if isinstance(value, tuple) and not 0 < value[0] <= value[1] <= 1:
                raise ValueError(f"{name} must be a rising range within 0 to 1, not {value}")
        if self.size_word_share + self.side_share + max(self.pair_share, self.wide_pair_share) > 1:
            raise ValueError("size_word_share, side_share and pair_share must not exceed 1 together")
        if self.flat_share + self.noto_share > 1:
            raise ValueError("flat_share and noto_share must not exceed 1 together")
        if not 0 <= self.offset <= 0.5:
            raise ValueError(f"offset must be from 0 to 0.5, not {self.offset}")
        if not 0 <= self.colour_jitter <= 255:
            raise ValueError(f"colour_jitter must be from 0 to 255, not {self.colour_jitter}")


@dataclass(frozen=True)
class Placement:
    """One object: its centre (x to the right, y down) in fractions of the picture's width and height, and its
    longer side in fractions of the picture's shorter side.
    """

    picture: Picture
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Composition:
    """Objects from back to front on a background, and the caption that describes them."""

    placements: tuple[Placement, ...]
    background: RGB
    caption: str


@dataclass(frozen=True)
class Frame:
    """Width and height of a picture, in pixels. Raises ValueError for less than 1."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1:
            raise ValueError(f"a picture has at least 1 x 1 pixels, not {self.width} x {self.height}")

    @property
    def shorter(self) -> int:
        """The shorter side."""
        return min(self.width, self.height)

    @property
    def is_wide(self) -> bool:
        """Whether two objects of full size stand side by side in it."""
        return self.width >= 2 * self.height


def sample(rng: Random, pictures: Pictures, config: CompositionConfig, frame: Frame) -> Composition:
    """One composition of `pictures`, all of it drawn from `rng`."""
    background, rgb = _background(rng, config)
    pair_share = config.wide_pair_share if frame.is_wide else config.pair_share
    scene = _scene(rng, pictures[_style(rng, config)], replace(config, pair_share=pair_share), background)
    wording = Wording(tags=config.tag_share, russian=config.russian_share)
    place = _pair if len(scene.objects) == 2 else _single
    return Composition(place(rng, scene, config, frame), rgb, write_caption(rng, scene, wording))


class Renderer:
    """Renders compositions at one size; keeps scaled objects, since scaling costs most."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._scaled = lru_cache(maxsize=max(1, CACHE_BYTES // (4 * frame.shorter**2)))(_scale)

    def render(self, composition: Composition) -> NDArray[np.uint8]:
        """The composition as (height, width, 3) RGB."""
        frame = self.frame
        canvas = Image.new("RGB", (frame.width, frame.height), composition.background)
        for placement in composition.placements:
            scaled = self._scaled(placement.picture, max(1, round(placement.size * frame.shorter)))
            left = round(placement.x * frame.width - scaled.width / 2)
            top = round(placement.y * frame.height - scaled.height / 2)
            canvas.paste(scaled, (left, top), scaled)
        return np.array(canvas)


def render_bank(
    config: CompositionConfig, pictures: Pictures, count: int, frame: Frame, seed: int
) -> tuple[NDArray[np.uint8], list[str]]:
    """`count` sampled compositions: pixels (count, height, width, 3), captions; one seed, one bank."""
    rng, renderer = Random(seed), Renderer(frame)
    bank = np.empty((count, frame.height, frame.width, 3), dtype=np.uint8)
    captions = []
    for index in range(count):
        composition = sample(rng, pictures, config, frame)
        bank[index] = renderer.render(composition)
        captions.append(composition.caption)
    return bank, captions


def _scale(picture: Picture, longer_side: int) -> Image.Image:
    width, height = picture.image.size
    scale = longer_side / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return picture.image.resize(size, Image.Resampling.LANCZOS)


def _background(rng: Random, config: CompositionConfig) -> tuple[Colour | None, RGB]:
    if rng.random() < config.named_background_share:
        colour = rng.choice(COLOURS)
        return colour, _jitter(rng, colour.rgb, config.colour_jitter)
    if rng.random() < config.white_share:
        return None, WHITE.rgb
    return None, _jitter(rng, rng.choice(COLOURS).rgb, config.colour_jitter)


def _jitter(rng: Random, rgb: RGB, reach: int) -> RGB:
    red, green, blue = (min(255, max(0, channel + rng.randint(-reach, reach))) for channel in rgb)
    return red, green, blue


def _style(rng: Random, config: CompositionConfig) -> Style:
    draw = rng.random()
    if draw < config.flat_share:
        return "flat"
    return "noto" if draw < config.flat_share + config.noto_share else "3d"


def _scene(
    rng: Random, pictures: Sequence[Picture], config: CompositionConfig, background: Colour | None
) -> Scene:
    draw = rng.random()
    if draw < config.pair_share:
        return Scene(tuple(rng.sample(pictures, 2)), background=background)
    objects = (rng.choice(pictures),)
    draw -= config.pair_share
    if draw < config.side_share:
        side: Side = rng.choice(("left", "right"))
        return Scene(objects, size=rng.choice((None, "small")), side=side, background=background)
    if draw < config.side_share + config.size_word_share:
        size: SizeWord = rng.choice(("small", "large"))
        return Scene(objects, size=size, background=background)
    return Scene(objects, background=background)


def _single(rng: Random, scene: Scene, config: CompositionConfig, frame: Frame) -> tuple[Placement, ...]:
    sizes = {None: config.size, "small": config.small_size, "large": config.large_size}
    is_tight = scene.side and not frame.is_wide
    size = rng.uniform(*(config.small_size if is_tight else sizes[scene.size]))
    distance = rng.uniform(*config.side_distance)
    x = {None: 0.5, "left": 0.5 - distance, "right": 0.5 + distance}[scene.side]
    return (_place(rng, scene.objects[0], x, size, config.offset, frame),)


def _pair(rng: Random, scene: Scene, config: CompositionConfig, frame: Frame) -> tuple[Placement, ...]:
    sizes = config.size if frame.is_wide else config.pair_size
    return tuple(
        _place(rng, picture, x, rng.uniform(*sizes), config.offset, frame)
        for picture, x in zip(scene.objects, (0.26, 0.74), strict=True)
    )


def _place(rng: Random, picture: Picture, x: float, size: float, offset: float, frame: Frame) -> Placement:
    """`picture` near (x, 0.5), moved by up to `offset` but wholly inside the frame."""
    sides = (frame.width, frame.height)
    margins = [size * frame.shorter / side / 2 for side in sides]
    inside = [
        min(max(centre + rng.uniform(-offset, offset), margin), 1 - margin)
        for centre, margin in zip((x, 0.5), margins, strict=True)
    ]
    return Placement(picture, inside[0], inside[1], size)
