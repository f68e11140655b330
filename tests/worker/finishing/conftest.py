"""Pictures that are finished."""

import numpy as np
import pytest

from worker.engine.sample import Pixels


@pytest.fixture
def pixels() -> Pixels:
    """A smooth picture (320, 400, 3) with edges and a little noise."""
    rows, columns = np.mgrid[0:320, 0:400]
    smooth = np.stack([rows * 0.6, columns * 0.5, 200 - rows * 0.3], axis=-1)
    smooth[80:200, 100:300] = (220, 60, 40)
    noise = np.random.default_rng(0).normal(0, 3, smooth.shape)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)
