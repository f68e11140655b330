"""Listing: the jobs of a caller, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.jobs.job import Job, Status
from worker.jobs.stages import Kind

#: How many jobs are looked at for one page, however few of them are wanted.
MAX_SEEN = 500


@dataclass(frozen=True)
class Filter:
    """Which jobs are wanted; None is any."""

    kind: Kind | None = None
    status: Status | None = None

    def passes(self, job: Job) -> bool:
        """Whether a job is one of them."""
        return self.kind in (None, job.kind) and self.status in (None, job.status)


@dataclass(frozen=True)
class Page:
    """Some jobs, and the id after which the next page begins, None at the end."""

    jobs: tuple[Job, ...]
    cursor: str | None


def read_page(jobs: Iterator[Job], wanted: Filter, limit: int) -> Page:
    """The first `limit` wanted jobs, or fewer if they are rare among those that are looked at."""
    found: list[Job] = []
    for number, job in enumerate(jobs, start=1):
        if len(found) == limit and wanted.passes(job):
            return Page(tuple(found), found[-1].id)
        if wanted.passes(job):
            found.append(job)
        if number == MAX_SEEN:
            return Page(tuple(found), job.id)
    return Page(tuple(found), None)
