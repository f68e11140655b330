import pytest
import torch

from model.tiling import Mosaic, View, Windows


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


@pytest.mark.parametrize("side", [*range(1025, 1100), 2113, 4095])
def test_no_window_is_a_sliver(side: int) -> None:
    assert {view.width for view in Windows().cover(1024, side)} == {1024}


@pytest.mark.parametrize(
    "windows",
    [Windows(8, 8), Windows(8, 5), Windows(8, 5, 3), Windows(8, 4, 2), Windows(3, 1, 2), Windows(100, 1)],
)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (17, 23), (9, 40), (1, 1)])
def test_the_parts_of_a_picture_give_it_back(windows: Windows, height: int, width: int) -> None:
    picture = torch.rand(1, 3, height, width)
    mosaic = Mosaic(windows, picture.shape, picture.device)
    for view in windows.cover(height, width):
        mosaic.add(view.of(picture)[0], view)
    torch.testing.assert_close(mosaic.finish(), picture)


def test_parts_blend_linearly_as_published() -> None:
    """new[k] = prev[-B + k] (1 - k/B) + new[k] k/B, for offsets k of a blend B wide."""
    windows = Windows(16, 12, ramp=4)
    mosaic = Mosaic(windows, (1, 1, 16, 28), torch.device("cpu"))
    for value, view in enumerate(windows.cover(16, 28)):
        mosaic.add(torch.full((1, 16, 16), float(value)), view)
    expected = torch.tensor([0.0] * 12 + [0, 0.25, 0.5, 0.75] + [1.0] * 12)
    torch.testing.assert_close(mosaic.finish(), expected.expand(1, 1, 16, 28))


@pytest.mark.parametrize("windows", [Windows(16, 12, 4), Windows(16, 8, 8), Windows(16, 10, 3)])
@pytest.mark.parametrize("side", [17, 28, 31, 45, 100])
def test_no_border_is_sharp(windows: Windows, side: int) -> None:
    """Where windows differ by 1, their mean changes by no more than a ramp's step from place to place."""
    mosaic = Mosaic(windows, (1, 1, 1, side), torch.device("cpu"))
    for i, view in enumerate(windows.cover(1, side)):
        mosaic.add(torch.full((1, 1, 16), float(i % 2)), view)
    assert mosaic.finish().diff().abs().max() <= 1 / windows.ramp + 1e-6


@pytest.mark.parametrize("stride", [0, -1, 9])
def test_windows_that_leave_gaps_are_refused(stride: int) -> None:
    with pytest.raises(ValueError, match=f"size=8, not {stride}"):
        Windows(8, stride)


@pytest.mark.parametrize("ramp", [-1, 3])
def test_a_ramp_wider_than_the_overlap_is_refused(ramp: int) -> None:
    with pytest.raises(ValueError, match=f"size - stride=2, not {ramp}"):
        Windows(8, 6, ramp)


def test_windows_and_views_scale_together() -> None:
    windows = Windows(8, 6, 2)
    scaled = [view.scaled(4) for view in windows.cover(8, 20)]
    assert scaled == list(windows.scaled(4).cover(32, 80))
    assert scaled[-1] == View(0, 32, 48, 80)
