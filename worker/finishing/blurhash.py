"""Blurhash (https://blurha.sh): a blurred picture in a few characters, to be shown while it loads."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.engine.sample import Pixels

Floats = NDArray[np.float64]

#: Waves along the longer and along the shorter side.
LONG, SHORT = 4, 3
#: A picture of this side has all that the hash can tell.
SIDE = 32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


def blurhash(pixels: Pixels) -> str:
    """The hash of a picture (H, W, 3), of 28 characters."""
    height, width = pixels.shape[:2]
    rows, columns = (LONG, SHORT) if height > width else (SHORT, LONG)
    small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    mean, *waves = _coefficients(np.asarray(small) / 255, rows, columns)
    level = int(np.clip(np.abs(waves).max() * 166 - 0.5, 0, 82))
    size = columns - 1 + (rows - 1) * 9
    details = (_base83(_mix(_quantize(wave, (level + 1) / 166), 19), 2) for wave in waves)
    return _base83(size, 1) + _base83(level, 1) + _base83(_mix(_srgb(mean), 256), 4) + "".join(details)


def _coefficients(srgb: Floats, rows: int, columns: int) -> Floats:
    """The first waves of a picture (SIDE, SIDE, 3) in linear light, row by row: (rows * columns, 3)."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    waves: Floats = _cosines(rows) @ linear.transpose(2, 0, 1) @ _cosines(columns).T  # (3, rows, columns)
    waves[:, 0, 0] /= 2
    return 2 * waves.reshape(3, -1).T


def _cosines(number: int) -> Floats:
    """The first cosines over a side: (number, SIDE)."""
    cosines: Floats = np.cos(np.pi / SIDE * np.outer(np.arange(number), np.arange(SIDE)))
    return cosines / SIDE


def _srgb(linear: Floats) -> NDArray[np.int64]:
    light = np.clip(linear, 0, 1)
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (srgb * 255 + 0.5).astype(np.int64)


def _quantize(wave: Floats, largest: float) -> NDArray[np.int64]:
    share = wave / largest
    return np.clip(np.floor(np.sign(share) * np.sqrt(np.abs(share)) * 9 + 9.5), 0, 18).astype(np.int64)


def _mix(channels: Iterable[np.int64], base: int) -> int:
    number = 0
    for channel in channels:
        number = number * base + int(channel)
    return number


def _base83(number: int, length: int) -> str:
    return "".join(_DIGITS[number // 83**place % 83] for place in reversed(range(length)))
