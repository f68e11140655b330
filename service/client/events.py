"""Server-sent events, as a client reads them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from worker.jobs.job import Status


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event: what happened to a job.

    The data of `status` is the whole job, of `progress` `{step, steps, fraction}`, of `preview`
    `{step, image}` with a data URL, and of `output` one picture as in the job.
    """

    type: str
    id: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether nothing can come after it."""
        return self.type == "status" and Status(self.data["status"]).is_final


def parse_events(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """The events in the lines of a `text/event-stream`, each of which has an id, a type and JSON data."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line and "data" in fields:
            yield ServerEvent(fields["event"], fields["id"], from_json(fields["data"]))
            fields = {}
