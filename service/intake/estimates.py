"""Estimates: how long a job waits for its start, from how fast its queue was served lately."""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from service.planning.choice import Offer
from worker.jobs.backlog import Backlog, QueueState
from worker.jobs.catalog import Catalog, WorkerCard
from worker.jobs.stages import queue_name


@dataclass(frozen=True)
class Outlook:
    """The models, the workers and the queues as they are at a moment."""

    offer: Offer
    #: By the names of the queues of all models.
    queues: Mapping[str, QueueState]

    @classmethod
    def read(cls, catalog: Catalog, backlog: Backlog) -> Self:
        """How things are now."""
        offer = Offer.read(catalog)
        names = {queue_name(kind, card.id) for card in offer.cards.values() for kind in card.kinds}
        return cls(offer, backlog.states(sorted(names)))

    def workers(self, queue: str) -> list[WorkerCard]:
        """The living workers that take from a queue."""
        return [worker for worker in self.offer.workers if queue in worker.queues]

    def interval(self, queue: str) -> float | None:
        """Seconds from the start of one job to that of the next while jobs wait; None is unknown."""
        num_places = self.num_places(queue)
        if queue not in self.queues or not num_places:
            return None
        rates = self.queues[queue].rates
        if rates.interval is not None:
            return rates.interval
        return None if rates.stage is None else rates.stage / num_places

    def num_places(self, queue: str) -> int:
        """How many jobs the workers of a queue hold at a time, of all their queues."""
        return sum(worker.concurrency for worker in self.workers(queue))

    def num_free(self, queue: str) -> int:
        """How many more jobs the workers of a queue could hold; they may take them from other queues."""
        names = {name for worker in self.workers(queue) for name in worker.queues}
        num_running = sum(self.queues[name].num_running for name in names if name in self.queues)
        return max(0, self.num_places(queue) - num_running)

    def wait_seconds(self, queue: str, num_before: int) -> float | None:
        """How long a job waits that has so many before it; None is unknown."""
        num_rounds = num_before + 1 - self.num_free(queue)
        if num_rounds <= 0:
            return 0.0
        interval = self.interval(queue)
        return None if interval is None else num_rounds * interval

    def most_before(self, queue: str, seconds: float) -> int | None:
        """How many jobs may be before one that waits for at most so long; None is unknown.

        It is -1 when even the next to start would wait for longer.
        """
        interval = self.interval(queue)
        if not interval:
            return None
        return self.num_free(queue) - 1 + math.floor(seconds / interval)


class Lookout:
    """Looks at models, workers and queues, and once more when what it saw is too old."""

    def __init__(self, catalog: Catalog, backlog: Backlog, seconds: float) -> None:
        self._catalog = catalog
        self._backlog = backlog
        self._seconds = seconds
        self._lock = threading.Lock()
        self._seen: tuple[float, Outlook] | None = None

    def look(self) -> Outlook:
        """How things are, or were a moment ago. Raises RedisError."""
        if seen := self._fresh():
            return seen
        with self._lock:
            # Of many threads that found it too old, one reads.
            if seen := self._fresh():
                return seen
            outlook = Outlook.read(self._catalog, self._backlog)
            self._seen = time.monotonic() + self._seconds, outlook
            return outlook

    def _fresh(self) -> Outlook | None:
        seen = self._seen
        return seen[1] if seen and time.monotonic() < seen[0] else None
