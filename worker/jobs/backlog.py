"""The backlog: what is in the queues, and how fast they are served, as `transition.lua` measures it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter
from redis import Redis

from worker.jobs.job import Job, Priority
from worker.jobs.moves import BAND_MS
from worker.jobs.record import RANKS
from worker.jobs.retention import now_ms

#: Jobs that workers hold, by the end of their leases.
RUNNING = "jobs:running"
#: Names of the queues that a job was ever in.
QUEUES = "jobs:queues"
#: The fields of a hash of sums, in milliseconds, and of what was summed up.
MEASURED = ("interval_ms", "interval_count", "stage_ms", "stage_count")

_Texts = TypeAdapter(list[str])
_Positions = TypeAdapter(list[int | None])


@dataclass(frozen=True)
class Rates:
    """How fast a queue is served, in seconds, by its last hundred jobs or so; None is unknown."""

    #: Between two starts while jobs were waiting.
    interval: float | None = None
    #: From the start of a stage to its end.
    stage: float | None = None


@dataclass(frozen=True)
class QueueState:
    """What is in a queue at a moment, and how fast it is served."""

    num_queued: int = 0
    #: Of those that are queued, the ones that somebody waits for.
    num_interactive: int = 0
    num_running: int = 0
    rates: Rates = Rates()

    def num_before(self, priority: Priority) -> int:
        """How many jobs are before one of this priority that is queued now."""
        return self.num_interactive if priority is Priority.INTERACTIVE else self.num_queued


class Backlog:
    """The queues of one Redis database, to be read only: `JobStore` puts jobs into them and takes them out.

    Redis failures come out as `redis.exceptions.RedisError`.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def queues(self) -> list[str]:
        """Names of the queues that a job was ever in, sorted."""
        return sorted(_Texts.validate_python(list(self._redis.smembers(QUEUES))))

    def state(self, queue: str) -> QueueState:
        """The state of one queue."""
        return self.states([queue])[queue]

    def states(self, queues: Sequence[str]) -> dict[str, QueueState]:
        """The states of these queues, by their names."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for queue in queues:
                pipeline.zcard(queued_key(queue))
                pipeline.zcount(queued_key(queue), "-inf", f"({BAND_MS}")
                pipeline.scard(f"jobs:running:{queue}")
                pipeline.hmget(f"jobs:rates:{queue}", MEASURED)
            told = pipeline.execute()
        states = map(QueueState, told[::4], told[1::4], told[2::4], map(_rates, told[3::4]))
        return dict(zip(queues, states, strict=True))

    def num_running(self) -> int:
        """How many jobs workers hold, of all queues."""
        return int(self._redis.zcard(RUNNING))

    def position(self, job: Job) -> int | None:
        """How many jobs are before this one in its queue; None when it is not queued."""
        rank = self._redis.zrank(queued_key(job.queue), job.id)
        return rank if isinstance(rank, int) else None

    def positions(self, jobs: Sequence[Job]) -> list[int | None]:
        """How many jobs are before each of these; None for one that is not queued."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for job in jobs:
                pipeline.zrank(queued_key(job.queue), job.id)
            return _Positions.validate_python(pipeline.execute())

    def stale(self, queue: str, priority: Priority, older_than_ms: int) -> list[str]:
        """Ids of the jobs of one priority that have been queued for longer than this, oldest first."""
        start = RANKS[priority] * BAND_MS
        end = start + now_ms(self._redis) - older_than_ms
        return _Texts.validate_python(self._redis.zrangebyscore(queued_key(queue), start, end))


def queued_key(queue: str) -> str:
    """Key of the ids of the jobs in a queue, in the order in which they are to start."""
    return f"jobs:queued:{queue}"


def _rates(measured: Sequence[str | bytes | None]) -> Rates:
    """What the fields `MEASURED` tell, None for those that are not there."""
    interval, num_intervals, stage, num_stages = (float(value or 0) for value in measured)
    return Rates(
        interval=interval / num_intervals / 1000 if num_intervals else None,
        stage=stage / num_stages / 1000 if num_stages else None,
    )
