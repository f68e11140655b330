import pytest
import torch

from model.rows import PATIENCE, PixelLimit, parts


def test_as_many_rows_as_have_so_many_pixels() -> None:
    limit = PixelLimit(max_pixels=100, max_rows=15)
    assert [limit.rows(num_pixels) for num_pixels in (1, 9, 25, 100, 400)] == [15, 11, 4, 1, 1]


def test_rows_are_halved_until_they_fit() -> None:
    limit, tried = PixelLimit(max_pixels=1600, max_rows=15), list[int]()

    def work(rows: int) -> None:
        tried.append(rows)
        if rows > 3:
            raise torch.OutOfMemoryError

    limit.evaluate(100, 100, work)
    limit.evaluate(100, 100, work)
    assert tried == [15, 7, 3, 3]


def test_no_more_rows_are_tried_than_there_are() -> None:
    tried: list[int] = []
    PixelLimit(max_pixels=1600, max_rows=15).evaluate(2, 100, tried.append)
    assert tried == [2]


def test_a_single_row_that_does_not_fit_is_an_error() -> None:
    def work(rows: int) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        PixelLimit(max_pixels=1, max_rows=15).evaluate(10, 100, work)


def test_nothing_is_learnt_from_a_row_that_does_not_fit() -> None:
    def work(rows: int) -> None:
        raise torch.OutOfMemoryError

    limit = PixelLimit(max_pixels=1600, max_rows=15)
    with pytest.raises(torch.OutOfMemoryError):
        limit.evaluate(10, 100, work)
    assert limit.max_pixels == 1600


def test_more_is_tried_again_after_a_while() -> None:
    limit, tried = PixelLimit(max_pixels=1600, max_rows=15), list[int]()

    def work(rows: int) -> None:
        tried.append(rows)
        if len(tried) == 1:
            raise torch.OutOfMemoryError

    for _ in range(2 * PATIENCE):
        limit.evaluate(16, 100, work)
    assert tried == [15] + PATIENCE * [7] + PATIENCE * [15]
    assert limit.max_pixels <= 1600


def test_parts_of_a_sequence() -> None:
    assert [list(part) for part in parts(range(5), 2)] == [[0, 1], [2, 3], [4]]
