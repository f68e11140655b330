"""Which samples share the next step. Pure Python: no torch, no clock, no I/O."""

from collections import Counter

from worker.engine.sample import Group, Sample

#: A sample that has been passed over so often goes before its like, and counts as one priority class higher.
PATIENCE = 32
#: After so many steps a group that has run out of memory may try twice as many rows: it may be free again.
FORGIVE_EVERY = 1024
#: What a number of rows took is forgotten after so many steps of the group without it: times change.
FORGET_AFTER = 1024
#: Limit of a group of which nothing is known yet.
FIRST_ROWS = 8
#: No step is taken to be shorter, so that its rate is finite.
SHORTEST_SECONDS = 1e-9


class Scheduler:
    """Holds the samples that are under way, and chooses a batch among them."""

    def __init__(self, row_limits: "RowLimits") -> None:
        self.row_limits = row_limits
        self._samples: list[Sample] = []
        self._rows_served: Counter[str] = Counter()

    def add(self, sample: Sample) -> None:
        """Takes a sample in; a new owner starts level with the least served one."""
        owner = sample.order.owner
        if owner not in self._rows_served:
            self._rows_served[owner] = min(self._rows_served.values(), default=0)
        self._samples.append(sample)

    def discard(self, sample: Sample) -> None:
        """Forgets a sample that is finished, failed or canceled, if it was added."""
        self._samples = [other for other in self._samples if other is not sample]
        if not any(other.order.owner == sample.order.owner for other in self._samples):
            del self._rows_served[sample.order.owner]

    def choose(self) -> list[Sample]:
        """The samples of the next step, all of one group, within that group's limit of rows.

        First comes the higher priority class, then the less served owner, then what has been passed over
        more, then what has less work left. At least one sample is chosen if there is any.
        """
        if not self._samples:
            return []
        first, *others = sorted(self._samples, key=self._rank)
        group, rows = first.order.group, first.order.rows
        limit = self.row_limits.limit(group)
        batch = [first]
        for sample in others:
            if sample.order.group == group and rows + sample.order.rows <= limit:
                batch.append(sample)
                rows += sample.order.rows
        self._account(set(batch))
        return batch

    def _rank(self, sample: Sample) -> tuple[int, int, int, int]:
        order, age = sample.order, sample.passed_over // PATIENCE
        return max(0, order.priority - age), self._rows_served[order.owner], -age, sample.work_left

    def _account(self, chosen: set[Sample]) -> None:
        for sample in self._samples:
            if sample in chosen:
                self._rows_served[sample.order.owner] += sample.order.rows
            else:
                sample.passed_over += 1


class RowLimits:
    """How many rows a step may have, learnt from how long steps take.

    More rows per step help only until the device is full; beyond that they make everybody late. So the limit
    of a group is the smallest number of rows whose measured throughput is within `tolerance` of the best.
    Twice as many may be tried while nothing is known of so many, and once in `explore_every` steps; half as
    many are tried once in as many steps while nothing is known of so few.
    """

    def __init__(self, max_rows: int, tolerance: float = 0.05, explore_every: int = 64) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows must be at least 1, not {max_rows}")
        self._max_rows = max_rows
        self._tolerance = tolerance
        self._explore_every = explore_every
        #: What fits in memory, of groups that have run out of it.
        self._caps: dict[Group, int] = {}
        self._seconds: dict[Group, dict[int, float]] = {}
        #: By which step of its group each number of rows was last seen.
        self._seen: dict[Group, dict[int, int]] = {}
        self._num_steps: Counter[Group] = Counter()

    def limit(self, group: Group) -> int:
        """The most rows that a step of this group may have."""
        cap = self._caps.get(group, self._max_rows)
        rates = {rows: rows / seconds for rows, seconds in self._seconds.get(group, {}).items()}
        if not rates:
            return min(cap, FIRST_ROWS)
        good = (1 - self._tolerance) * max(rates.values())
        enough = min(rows for rows, rate in rates.items() if rate >= good)
        turn = self._num_steps[group] % self._explore_every
        knows_fewer = any(enough // 2 <= rows < enough for rows in rates)
        if turn == self._explore_every // 2 and not knows_fewer:
            return min(cap, max(1, enough // 2))
        knows_more = any(enough < rows <= 2 * enough for rows in rates)
        return min(cap, enough if knows_more and turn else 2 * enough)

    def record(self, group: Group, rows: int, seconds: float) -> None:
        """Takes note of how long a step took."""
        self._num_steps[group] += 1
        if group in self._caps and self._num_steps[group] % FORGIVE_EVERY == 0:
            self._caps[group] = min(self._max_rows, 2 * self._caps[group])
        known = self._seconds.setdefault(group, {})
        # The first step of a kind pays for warming up: what it took counts little once there is another.
        before = min(known.get(rows, seconds), 1.5 * seconds)
        known[rows] = max(0.8 * before + 0.2 * seconds, SHORTEST_SECONDS)
        self._forget(group, rows)

    def shrink(self, group: Group, rows: int) -> None:
        """Halves the limit after a step of this many rows did not fit in memory."""
        self._caps[group] = max(1, min(rows, self._caps.get(group, self._max_rows)) // 2)

    def _forget(self, group: Group, rows: int) -> None:
        """Drops what has not been seen for long; this many rows have been seen now."""
        now, seen = self._num_steps[group], self._seen.setdefault(group, {})
        seen[rows] = now
        for old in [old for old, step in seen.items() if now - step >= FORGET_AFTER]:
            del seen[old], self._seconds[group][old]
