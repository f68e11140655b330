"""Pictures that were to be censored, and the picture filter that finds them."""

import hashlib

import numpy as np

from worker.engine.sample import Pixels
from worker.jobs.job import Job
from worker.mock.directives import CENSOR, find_directive

#: The first pixels of a picture that is to be censored, which no other has.
STAMP = np.frombuffer(hashlib.sha256(b"mock:censor").digest()[:24], np.uint8).reshape(8, 3)


class MockFilter:
    """Takes the place of the picture filter, which has nothing to find in pictures of shapes."""

    def score(self, pixels: Pixels) -> float:
        """1 for a picture (H, W, 3) that was to be censored, else 0."""
        first = pixels[0, : len(STAMP)]
        return float(np.array_equal(first, STAMP[: len(first)]))


def stamp(job: Job, index: int, pixels: Pixels) -> Pixels:
    """One of a job's pictures, stamped if the job says that it is to be censored."""
    directive = find_directive(job)
    if directive is None or directive.name != CENSOR or not directive.applies(index + 1):
        return pixels
    stamped = pixels.copy()
    stamped[0, : len(STAMP)] = STAMP[: pixels.shape[1]]
    return stamped
