"""Who runs beside whom in a worker."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from tests.polling import until
from worker.company import Company


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def company() -> Company:
    return Company()


def test_many_are_in_it_at_a_time(company: Company, pool: ThreadPoolExecutor) -> None:
    barrier = Barrier(4, timeout=10)

    def stay() -> None:
        with company.join(alone=False):
            barrier.wait()

    for stayed in [pool.submit(stay) for _ in range(4)]:
        stayed.result()


@pytest.mark.parametrize("alone", [True, False], ids=["another", "others"])
def test_nobody_joins_one_that_is_alone(company: Company, pool: ThreadPoolExecutor, alone: bool) -> None:
    order: list[str] = []

    def join() -> None:
        with company.join(alone=alone):
            order.append("joined")

    with company.join(alone=True):
        joining = pool.submit(join)
        until(joining.running)
        order.append("leaves")
    joining.result()
    assert order == ["leaves", "joined"]


def test_one_that_wants_to_be_alone_does_not_wait_for_ever(
    company: Company, pool: ThreadPoolExecutor
) -> None:
    order: list[str] = []
    leave = Event()

    def join(name: str, *, alone: bool) -> None:
        with company.join(alone=alone):
            order.append(name)
            leave.wait(10)

    first = pool.submit(join, "first", alone=False)
    until(lambda: order == ["first"])
    lone = pool.submit(join, "lone", alone=True)
    until(lambda: company._num_alone == 1)
    late = pool.submit(join, "late", alone=False)
    leave.set()
    for each in (first, lone, late):
        each.result()
    assert order == ["first", "lone", "late"]


def test_who_fails_leaves_it(company: Company) -> None:
    with pytest.raises(RuntimeError), company.join(alone=True):
        raise RuntimeError
    with company.join(alone=True):
        pass
