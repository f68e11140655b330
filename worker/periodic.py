"""A thread that repeats one action until it is stopped."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

#: The pause after an action that raised, in seconds.
PAUSE_SECONDS = 1.0


class Periodic:
    """Repeats an action with a pause between; an outage is logged when it begins and when it is over."""

    def __init__(self, name: str, interval_seconds: float, action: Callable[[], None]) -> None:
        self._name = name
        self._interval = interval_seconds
        self._action = action
        self._failing = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with the first action at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the action that is under way; may be called twice."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._act()
            self._stopped.wait(PAUSE_SECONDS if self._failing else self._interval)

    def _act(self) -> None:
        try:
            self._action()
        # The thread must outlive every failure: without it, jobs are never recovered or leases never renewed.
        except Exception as error:
            if not self._failing:
                unexpected = None if isinstance(error, RedisError) else error
                logger.warning(
                    "periodic action fails", action=self._name, error=str(error), exc_info=unexpected
                )
            self._failing = True
        else:
            if self._failing:
                logger.info("periodic action works again", action=self._name)
            self._failing = False
