"""Which samples share the next step. Pure Python: no torch, no clock, no I/O."""

from collections import Counter
from typing import Generic, TypeVar

from worker.engine.sample import Group, Sample

RequestT = TypeVar("RequestT")
StateT = TypeVar("StateT")

#: A sample passed over so often counts as one priority class higher, and again after as many more.
PATIENCE = 32


class Scheduler(Generic[RequestT, StateT]):
    """Holds the samples that are under way, and chooses a batch among them."""

    def __init__(self, row_limits: "RowLimits") -> None:
        self.row_limits = row_limits
        self.samples: list[Sample[RequestT, StateT]] = []
        self._rows_served: Counter[str] = Counter()

    def add(self, sample: Sample[RequestT, StateT]) -> None:
        """Takes a sample in; a new owner starts level with the least served one."""
        owner = sample.order.owner
        present = {other.order.owner for other in self.samples}
        if owner not in present:
            self._rows_served[owner] = min((self._rows_served[name] for name in present), default=0)
        self.samples.append(sample)

    def remove(self, sample: Sample[RequestT, StateT]) -> None:
        """Forgets a sample that is finished, failed or canceled."""
        self.samples.remove(sample)
        if not any(other.order.owner == sample.order.owner for other in self.samples):
            del self._rows_served[sample.order.owner]

    def choose(self) -> list[Sample[RequestT, StateT]]:
        """The samples of the next step, all of one group, within that group's limit of rows.

        First come the highest priority class, then the least served owner, then the least work left; whoever is
        passed over rises. At least one sample is chosen when there is any.
        """
        if not self.samples:
            return []
        ranked = sorted(self.samples, key=self._rank)
        group = ranked[0].order.group
        limit = self.row_limits.limit(group)
        batch, rows = [], 0
        for sample in ranked:
            fits = rows + sample.order.rows <= limit or not batch
            if sample.order.group == group and fits:
                batch.append(sample)
                rows += sample.order.rows
        self._account(batch)
        return batch

    def _rank(self, sample: Sample[RequestT, StateT]) -> tuple[int, int, int]:
        order = sample.order
        urgency = order.priority - sample.passed_over // PATIENCE
        return urgency, self._rows_served[order.owner], sample.num_left

    def _account(self, batch: list[Sample[RequestT, StateT]]) -> None:
        for sample in self.samples:
            sample.passed_over += 1
        for sample in batch:
            sample.passed_over = 0
            self._rows_served[sample.order.owner] += sample.order.rows


class RowLimits:
    """How many rows a step may have, learnt from how long steps take.

    More rows per step help only until the device is full; beyond that they make everybody late. So the limit of
    a group is the smallest number of rows whose measured throughput is within `tolerance` of the best. While
    that is the largest number measured, and once in `explore_every` steps, twice as many may be tried.
    """

    def __init__(self, max_rows: int, tolerance: float = 0.05, explore_every: int = 64) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows must be at least 1, not {max_rows}")
        self._max_rows = max_rows
        self._tolerance = tolerance
        self._explore_every = explore_every
        self._caps: dict[Group, int] = {}
        self._seconds: dict[Group, dict[int, float]] = {}
        self._num_steps: Counter[Group] = Counter()

    def limit(self, group: Group) -> int:
        """The most rows that a step of this group may have."""
        cap = self._caps.get(group, self._max_rows)
        rates = {rows: rows / seconds for rows, seconds in self._seconds.get(group, {}).items()}
        if not rates:
            return cap
        best = max(rates.values())
        enough = min(rows for rows, rate in rates.items() if rate >= (1 - self._tolerance) * best)
        explores = enough == max(rates) or self._num_steps[group] % self._explore_every == 0
        return min(cap, 2 * enough if explores else enough)

    def record(self, group: Group, rows: int, seconds: float) -> None:
        """Takes note of how long a step took."""
        self._num_steps[group] += 1
        known = self._seconds.setdefault(group, {})
        # The first step of a kind pays for warming up: what it took counts little once there is another.
        before = min(known.get(rows, seconds), 1.5 * seconds)
        known[rows] = 0.8 * before + 0.2 * seconds

    def shrink(self, group: Group, rows: int) -> None:
        """Halves the limit after a step of this many rows did not fit in memory."""
        self._caps[group] = max(1, min(rows, self._caps.get(group, self._max_rows)) // 2)
