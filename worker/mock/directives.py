"""Directives: what a request tells the mock models to do with it."""

import re
from dataclasses import dataclass

from worker.jobs.job import Job
from worker.jobs.stages import Wording
from worker.settings import MOCK_FAILURES

#: The one that asks for no failure.
CENSOR = "censor"
_names = "|".join((*MOCK_FAILURES, CENSOR))
_directive = re.compile(rf"\bmock:({_names})(?::(\d{{1,3}}))?\b").search


@dataclass(frozen=True)
class Directive:
    """`mock:crash` or, so many times only, `mock:crash:2`."""

    name: str
    times: int | None = None

    def applies(self, number: int) -> bool:
        """Whether it does to the attempt or the picture of this number, from 1 on."""
        return self.times is None or number <= self.times


def find_directive(job: Job) -> Directive | None:
    """The first directive in the prompt, or else in the metadata, as `{"mock": "crash:2"}`."""
    prompt = job.input.prompt if isinstance(job.input, Wording) else ""
    found = _directive(f"{prompt} mock:{job.metadata.get('mock', '')}")
    if found is None:
        return None
    name, times = found.groups()
    return Directive(name, None if times is None else int(times))
