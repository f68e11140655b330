"""How many receivers are told something at a time."""

import pytest

from worker.webhooks.slots import EAGERNESS, LONGEST_PAUSE_SECONDS, SlotLimits, Slots

LIMITS = SlotLimits(num_slots=10, per_host=2, per_owner=3)


def fill(*pairs: tuple[str, str]) -> Slots:
    slots = Slots(LIMITS)
    for host, owner in pairs:
        slots.take(host, owner)
    return slots


def test_a_host_has_its_share() -> None:
    slots = fill(("slow", "a"), ("slow", "b"))
    assert not slots.has_room("slow", "c")
    assert slots.has_room("quick", "a")


def test_an_owner_has_a_share_over_all_hosts() -> None:
    slots = fill(("one", "a"), ("two", "a"), ("three", "a"))
    assert not slots.has_room("four", "a")
    assert slots.has_room("four", "b")


def test_what_is_done_makes_room() -> None:
    slots = fill(("slow", "a"), ("slow", "a"))
    assert slots.num_free == 8
    slots.free("slow", "a", began_at=0, now=1)
    assert slots.has_room("slow", "a")
    assert slots.num_free == 9


def test_who_waits_comes_again_when_those_before_are_through() -> None:
    slots = fill(("slow", "a"), ("slow", "a"), ("slow", "a"))
    for _ in range(20):
        slots.take("slow", "a")
        slots.free("slow", "a", began_at=0, now=10)
    turn = 10 / LIMITS.per_host / EAGERNESS
    pauses = [slots.pause("slow", "b", now) for now in (100, 100, 100, 101, 200)]
    assert pauses == pytest.approx([turn, 2 * turn, 3 * turn, 4 * turn - 1, turn], rel=0.01)
    assert max(slots.pause("slow", "b", now=200) for _ in range(1000)) == LONGEST_PAUSE_SECONDS


def test_who_waits_for_others_of_their_owner_does_so_whatever_the_host() -> None:
    slots = fill(("one", "a"), ("two", "a"), ("three", "a"))
    for _ in range(20):
        slots.take("slow", "a")
        slots.free("slow", "a", began_at=0, now=10)
    turn = 10 / LIMITS.per_owner / EAGERNESS
    pauses = [slots.pause(str(number), "a", now=100) for number in range(3)]
    assert pauses == pytest.approx([turn, 2 * turn, 3 * turn], rel=0.01)


def test_what_waits_in_vain_is_not_kept_in_mind() -> None:
    slots = fill(("one", "a"), ("two", "a"), ("three", "a"))
    for number in range(100):
        slots.pause(str(number), "a", now=100)
    assert slots.num_hosts == 3


def test_hosts_do_not_pile_up() -> None:
    slots = Slots(LIMITS)
    for number in range(100):
        slots.take(str(number), "a")
        slots.free(str(number), "a", began_at=0, now=1)
    assert (slots.num_hosts, slots.num_free) == (0, 10)
