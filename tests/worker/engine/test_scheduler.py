"""Which samples share a step: groups, rows, classes, owners and ageing."""

from collections import Counter

import pytest

from tests.worker.engine.abacus import order
from worker.engine import scheduler as module
from worker.engine.sample import Sample
from worker.engine.scheduler import FIRST_ROWS, PATIENCE, RowLimits, Scheduler

SMALL, LARGE = ("net", 64, 64), ("net", 128, 128)


def scheduler_of(*samples: Sample, max_rows: int = 64) -> Scheduler:
    scheduler = Scheduler(RowLimits(max_rows))
    for sample in samples:
        scheduler.add(sample)
    return scheduler


def sample(name: str = "", num_steps: int = 1000, **fields: object) -> Sample:
    return Sample(order(name, num_steps, **fields))


def turns(scheduler: Scheduler, number: int) -> Counter[str]:
    """Which samples are stepped in so many turns, and how often."""
    served: Counter[str] = Counter()
    for _ in range(number):
        for chosen in scheduler.choose():
            chosen.num_done += 1
            served[chosen.order.request] += 1
            if not chosen.num_left:
                scheduler.discard(chosen)
    return served


def test_nothing_to_do_is_no_batch() -> None:
    assert scheduler_of().choose() == []


def test_a_batch_is_of_one_group() -> None:
    small, large = [sample(group=SMALL) for _ in range(3)], sample(group=LARGE)
    assert set(scheduler_of(large, *small).choose()) == set(small)


def test_a_batch_has_no_more_rows_than_allowed() -> None:
    samples = [sample(rows=2), sample(rows=2), sample(rows=2), sample(rows=1)]
    batch = scheduler_of(*samples, max_rows=5).choose()
    assert sum(chosen.order.rows for chosen in batch) == 5


def test_one_sample_is_chosen_even_if_it_has_too_many_rows() -> None:
    guided = sample(rows=2)
    assert scheduler_of(guided, max_rows=1).choose() == [guided]


def test_the_higher_class_goes_first() -> None:
    batch, interactive = sample(priority=1, num_steps=1), sample(priority=0, num_steps=9)
    assert scheduler_of(batch, interactive, max_rows=1).choose() == [interactive]


def test_least_work_goes_first() -> None:
    few_large, many_small = sample(group=LARGE, num_steps=3), sample(group=SMALL, num_steps=10)
    assert scheduler_of(few_large, many_small).choose() == [many_small]


@pytest.mark.parametrize(
    "starving",
    [{"priority": 1}, {"num_steps": 2000}, {"group": LARGE}],
    ids=["lower class", "more work", "other group"],
)
def test_nobody_starves(starving: dict[str, object]) -> None:
    scheduler = scheduler_of(sample("starving", **starving), max_rows=1)
    served: Counter[str] = Counter()
    for _ in range(PATIENCE + 1):
        scheduler.add(sample("new", num_steps=1))
        served += turns(scheduler, 1)
    assert served == {"new": PATIENCE, "starving": 1}


def test_who_has_waited_long_keeps_its_place() -> None:
    scheduler = scheduler_of(long := sample("long", num_steps=3), max_rows=1)
    long.passed_over = PATIENCE
    scheduler.add(sample("short", num_steps=1))
    assert turns(scheduler, 3) == {"long": 3}


def test_owners_share_equally_however_much_they_ask() -> None:
    greedy = [sample("greedy", owner="greedy") for _ in range(20)]
    scheduler = scheduler_of(*greedy, sample("modest", owner="modest"), max_rows=1)
    served = turns(scheduler, 20 * PATIENCE)
    assert abs(served["greedy"] - served["modest"]) <= 1


def test_a_new_owner_does_not_make_up_for_lost_time() -> None:
    scheduler = scheduler_of(sample("early", owner="early"), max_rows=1)
    turns(scheduler, 100)
    scheduler.add(sample("late", owner="late"))
    assert turns(scheduler, 10) == {"early": 5, "late": 5}


def test_an_owner_who_comes_back_starts_level() -> None:
    leaving, staying = sample("leaving", owner="leaving"), sample("staying", owner="staying")
    scheduler = scheduler_of(leaving, max_rows=1)
    turns(scheduler, 100)
    scheduler.discard(leaving)
    scheduler.add(staying)
    scheduler.add(leaving)
    assert turns(scheduler, 10) == {"leaving": 5, "staying": 5}


def test_discarding_a_sample_that_was_never_added_is_harmless() -> None:
    staying = sample()
    scheduler = scheduler_of(staying)
    scheduler.discard(sample(owner="stranger"))
    assert scheduler.choose() == [staying]


def learn(limits: RowLimits, seconds: dict[int, float], num_steps: int = 40) -> None:
    """Steps of as many rows as allowed, on a device that needs so many seconds for so many rows."""
    for _ in range(num_steps):
        rows = max((rows for rows in seconds if rows <= limits.limit(SMALL)), default=min(seconds))
        limits.record(SMALL, rows, seconds[rows])


def test_a_device_that_gains_by_rows_gets_more_and_more() -> None:
    limits = RowLimits(max_rows=32)
    assert limits.limit(SMALL) == FIRST_ROWS
    learn(limits, {rows: 1 + rows / 100 for rows in (1, 2, 4, 8, 16, 32)})
    assert limits.limit(SMALL) == 32


def test_a_full_device_gets_no_more_rows() -> None:
    limits = RowLimits(max_rows=32)
    learn(limits, {2: 1.0, 4: 1.99, 8: 4.0}, num_steps=200)
    assert limits.limit(SMALL) == 2


def test_a_lucky_measurement_does_not_count_for_ever() -> None:
    limits = RowLimits(max_rows=32)
    limits.record(SMALL, 3, 0.001)
    assert limits.limit(SMALL) == 6
    learn(limits, {rows: 1 + rows / 100 for rows in (2, 4, 8, 16, 32)}, num_steps=module.FORGET_AFTER + 10)
    assert limits.limit(SMALL) == 32


def test_a_full_device_is_explored_now_and_then() -> None:
    limits = RowLimits(max_rows=32, explore_every=10)
    limits.record(SMALL, 4, 2.0)
    seen = []
    for _ in range(20):
        limits.record(SMALL, 2, 1.0)
        seen.append(limits.limit(SMALL))
    assert sorted(seen) == [1] * 2 + [2] * 16 + [4] * 2


def test_warming_up_is_soon_forgotten() -> None:
    limits = RowLimits(max_rows=32)
    limits.record(SMALL, 8, 60.0)
    for _ in range(8):
        limits.record(SMALL, 8, 1.0)
    limits.record(SMALL, 2, 0.5)
    assert limits.limit(SMALL) == 16


def test_memory_bounds_the_rows_of_its_group() -> None:
    limits = RowLimits(max_rows=32)
    limits.shrink(SMALL, 8)
    learn(limits, dict.fromkeys((1, 2, 4, 8), 1.0))
    assert limits.limit(SMALL) == 4
    assert limits.limit(LARGE) == FIRST_ROWS
    for rows in (4, 2, 1):
        limits.shrink(SMALL, rows)
    assert limits.limit(SMALL) == 1


def test_memory_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORGIVE_EVERY", 10)
    limits = RowLimits(max_rows=8)
    limits.shrink(SMALL, 2)
    learn(limits, dict.fromkeys((1, 2, 4, 8), 1.0), num_steps=9)
    assert limits.limit(SMALL) == 1
    learn(limits, dict.fromkeys((1, 2, 4, 8), 1.0), num_steps=31)
    assert limits.limit(SMALL) == 8


def test_no_rows_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="max_rows must be at least 1, not 0"):
        RowLimits(0)
