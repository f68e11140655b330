"""Who runs beside whom in a worker: many jobs at a time, or one alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Company:
    """The jobs in a worker. One that wants to be alone waits until the others have left; none joins then."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._num_inside = 0
        #: Those that are alone or want to be.
        self._num_alone = 0

    @contextmanager
    def join(self, *, alone: bool) -> Iterator[None]:
        """Be in it for the block, as soon as that is possible."""
        self._enter(alone)
        try:
            yield
        finally:
            self._leave(alone)

    def _enter(self, alone: bool) -> None:
        with self._changed:
            self._num_alone += alone
            self._changed.wait_for(lambda: not (self._num_inside if alone else self._num_alone))
            self._num_inside += 1

    def _leave(self, alone: bool) -> None:
        with self._changed:
            self._num_inside -= 1
            self._num_alone -= alone
            self._changed.notify_all()
