import pytest
import torch
from torch.nn import functional as F

from model.resizing import resize_part
from model.tiling import View


@pytest.mark.parametrize(
    ("original", "size"), [((5, 7), (40, 33)), ((64, 48), (256, 192)), ((1, 1), (8, 8)), ((20, 9), (10, 5))]
)
def test_a_part_is_that_of_the_whole(original: tuple[int, int], size: tuple[int, int]) -> None:
    picture = torch.rand(2, 3, *original)
    whole = F.interpolate(picture, size, mode="bilinear")
    for view in (View(0, size[0], 0, size[1]), View(size[0] // 3, size[0] - 1, size[1] // 2, size[1])):
        torch.testing.assert_close(resize_part(picture, size, view), view.of(whole))
