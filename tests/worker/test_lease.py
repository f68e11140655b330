"""Leases that are renewed, given up and lost."""

from redis import Redis

from tests.polling import until
from worker.jobs.store import RUNNING, Claim, JobStore
from worker.lease import Leases


def lease_ends_at(redis: Redis, claim: Claim) -> float:
    return redis.zscore(RUNNING, claim.job.id) or 0


def test_a_held_lease_does_not_end(store: JobStore, claim: Claim, redis: Redis) -> None:
    store.renew(claim, lease_seconds=0)
    before = lease_ends_at(redis, claim)
    leases = Leases(store, 60, on_lost=print)
    with leases.hold(claim), leases:
        until(lambda: lease_ends_at(redis, claim) > before)
    assert store.recover(max_attempts=3) == []


def test_a_lease_is_left_alone_after_the_block(store: JobStore, claim: Claim, redis: Redis) -> None:
    leases = Leases(store, 60, on_lost=print)
    with leases.hold(claim):
        pass
    before = lease_ends_at(redis, claim)
    leases.renew()
    assert lease_ends_at(redis, claim) == before


def test_a_lost_lease_is_told_once(store: JobStore, claim: Claim) -> None:
    lost: list[Claim] = []
    leases = Leases(store, 60, on_lost=lost.append)
    with leases.hold(claim):
        store.cancel(claim.job.id)
        leases.renew()
        leases.renew()
    assert lost == [claim]


def test_one_lost_lease_leaves_the_others(store: JobStore, claim: Claim, redis: Redis) -> None:
    other = Claim(claim.job, token="another worker's")
    lost: list[Claim] = []
    leases = Leases(store, 60, on_lost=lost.append)
    store.renew(claim, lease_seconds=0)
    before = lease_ends_at(redis, claim)
    with leases.hold(other), leases.hold(claim):
        leases.renew()
    assert lost == [other]
    assert lease_ends_at(redis, claim) > before
