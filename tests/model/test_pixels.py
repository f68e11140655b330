import numpy as np
import pytest

from model.pixels import pad


@pytest.mark.parametrize(("height", "width"), [(2, 3), (5, 3), (64, 64)])
def test_a_padded_picture_begins_with_the_picture(height: int, width: int) -> None:
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    padded = pad(picture, height, width)
    assert padded.shape == (height, width, 3)
    assert np.array_equal(padded[:2, :3], picture)


def test_the_picture_is_mirrored() -> None:
    picture = np.array([[1, 2, 3]], dtype=np.uint8)[:, :, None].repeat(3, axis=2)
    assert pad(picture, 2, 8)[1, :, 0].tolist() == [1, 2, 3, 3, 2, 1, 1, 2]
