"""Word of canceled jobs, so that running work stops before its next step."""

from collections.abc import Callable

from redis import Redis

from worker.jobs.record import as_text
from worker.jobs.store import CANCELED
from worker.periodic import Periodic

#: How long the listener waits for a message before it looks whether it is to stop.
WAIT_SECONDS = 0.5


class CancelListener(Periodic):
    """Calls back with the id of every job that is canceled, in its own thread.

    It subscribes again by itself after an outage; what it missed meanwhile shows as a lost lease.
    """

    def __init__(self, redis: Redis, on_cancel: Callable[[str], None]) -> None:
        super().__init__("cancel listener", 0, self._listen)
        self._on_cancel = on_cancel
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        super().stop()
        self._pubsub.close()

    def _listen(self) -> None:
        if not self._pubsub.subscribed:
            self._pubsub.subscribe(CANCELED)
        message = self._pubsub.get_message(timeout=WAIT_SECONDS)
        if message is not None:
            job_id = message["data"]
            self._on_cancel(as_text(job_id))
