"""Leases: what keeps the jobs of this worker its own for as long as it lives."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.jobs.errors import LeaseLost
from worker.jobs.store import Claim, JobStore
from worker.periodic import Periodic

#: How often a lease is renewed during its length.
RENEWALS = 3


class Leases(Periodic):
    """Renews the leases of all jobs that this process holds, in one thread."""

    def __init__(self, store: JobStore, lease_seconds: float, on_lost: Callable[[Claim], None]) -> None:
        """`on_lost` gets the claim on a job that is no longer ours, in the thread of the leases."""
        super().__init__("leases", lease_seconds / RENEWALS, self.renew)
        self._store = store
        self._lease_seconds = lease_seconds
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}

    @contextmanager
    def hold(self, claim: Claim) -> Iterator[None]:
        """Renew the lease of a claim for as long as the block runs."""
        with self._lock:
            self._held[claim.token] = claim
        try:
            yield
        finally:
            self._release(claim)

    def renew(self) -> None:
        """Renew every lease once."""
        with self._lock:
            claims = list(self._held.values())
        for claim in claims:
            self._renew_one(claim)

    def _renew_one(self, claim: Claim) -> None:
        try:
            self._store.renew(claim, self._lease_seconds)
        except LeaseLost:
            # A job that ended while we were renewing has left the block, and nobody is to be told.
            if self._release(claim):
                self._on_lost(claim)

    def _release(self, claim: Claim) -> bool:
        with self._lock:
            return self._held.pop(claim.token, None) is not None
