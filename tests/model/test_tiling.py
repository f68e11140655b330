import pytest
import torch

from model.tiling import Windows, add, coverage, cut


@pytest.mark.parametrize(
    ("width", "height", "num_views"), [(1024, 1024, 1), (2048, 2048, 9), (3840, 2160, 15), (4096, 4096, 25)]
)
def test_as_many_windows_as_published(width: int, height: int, num_views: int) -> None:
    assert len(Windows().cover(height, width)) == num_views


def test_the_last_window_is_shifted_back() -> None:
    views = Windows().cover(1024, 2048)
    assert [(view.left, view.right) for view in views] == [(0, 1024), (800, 1824), (1024, 2048)]


def test_a_window_is_no_larger_than_the_picture() -> None:
    assert Windows().cover(8, 2000) == ((0, 8, 0, 1024), (0, 8, 800, 1824), (0, 8, 976, 2000))


@pytest.mark.parametrize("windows", [Windows(8, 8), Windows(8, 5), Windows(3, 1), Windows(100, 1)])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (17, 23), (9, 40), (1, 1)])
def test_averaging_the_parts_of_a_picture_gives_it_back(windows: Windows, height: int, width: int) -> None:
    picture = torch.rand(1, 3, height, width)
    views, total = windows.cover(height, width), torch.zeros_like(picture)
    add(total, cut(picture, views), views)
    torch.testing.assert_close(total / coverage(picture, views), picture)


@pytest.mark.parametrize("stride", [0, -1, 9])
def test_windows_that_leave_gaps_are_refused(stride: int) -> None:
    with pytest.raises(ValueError, match=f"size=8, not {stride}"):
        Windows(8, stride)
