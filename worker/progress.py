"""What a client sees of a running job: how far it is, and what it looks like by now."""

import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from worker.engine.handle import Handle
from worker.finishing.rules import ANYTHING, ContentRules
from worker.jobs.job import Job, Progress
from worker.jobs.stages import OutputFormat
from worker.jobs.store import Claim, JobStore
from worker.pictures import encode_picture

PREVIEW_FORMAT, PREVIEW_QUALITY = OutputFormat.WEBP, 80


@dataclass
class ProgressReports:
    """The reports on one running job. One that Redis does not take is left out: the next will tell more."""

    store: JobStore
    claim: Claim
    handle: Handle
    #: Seconds between two previews; 0 makes none.
    preview_interval: float
    rules: ContentRules = ANYTHING
    _reported: Progress | None = None
    _next_preview_at: float = 0

    def send(self) -> None:
        """Tell what is new. Raises LeaseLost."""
        try:
            self._send_progress()
            self._send_preview()
        except RedisError:
            return

    def _send_progress(self) -> None:
        present = progress_of(self.claim.job, self.handle)
        if present != self._reported:
            self.store.report_progress(self.claim, present)
            self._reported = present

    def _send_preview(self) -> None:
        preview = self.handle.take_preview()
        if preview is not None and self.rules.allows("preview", preview.pixels):
            picture = encode_picture(preview.pixels, PREVIEW_FORMAT, PREVIEW_QUALITY)
            self.store.report_preview(self.claim, preview.step, picture, PREVIEW_FORMAT.content_type)
        elif preview is not None:
            # The next one may score a little less, and show the same.
            self.preview_interval = 0
        if self.preview_interval and time.monotonic() >= self._next_preview_at:
            self._next_preview_at = time.monotonic() + self.preview_interval
            self.handle.ask_for_preview()


def progress_of(job: Job, handle: Handle) -> Progress:
    """How far a job is: steps per picture of its present stage, and the share of all its stages."""
    num_samples = len(handle.samples)
    done = job.stage_index + handle.num_done / handle.num_steps
    return Progress(
        step=handle.num_done // num_samples,
        steps=handle.num_steps // num_samples,
        fraction=round(done / len(job.stages), 4),
    )
