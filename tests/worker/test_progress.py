"""What a client sees of a running job."""

import numpy as np
import pytest
from redis import Redis

from tests.worker.engine.abacus import order
from tests.worker.finishing.filters import RedFilter
from worker.engine.handle import Handle
from worker.engine.sample import Preview
from worker.finishing.rules import ContentRules
from worker.jobs.store import Claim, JobStore
from worker.progress import ProgressReports

RULES = ContentRules(picture_filter=RedFilter(), threshold=0.5)


@pytest.mark.parametrize(("red", "is_shown"), [(0, True), (255, False)])
def test_a_preview_is_held_against_the_content_rules(
    store: JobStore, claim: Claim, redis: Redis, red: int, is_shown: bool
) -> None:
    handle = Handle([order("apple", 4)], claim.job.id)
    handle.samples[0].preview = Preview(1, np.full((8, 8, 3), (red, 0, 0), np.uint8))
    ProgressReports(store, claim, handle, 0.5, RULES).send()
    events = [fields[b"type"] for _, fields in redis.xrange(f"job:{claim.job.id}:events")]
    assert (b"preview" in events) is is_shown


def test_after_a_preview_that_is_not_shown_none_is_asked_for(store: JobStore, claim: Claim) -> None:
    handle = Handle([order("apple", 4)], claim.job.id)
    [sample] = handle.samples
    sample.preview = Preview(1, np.full((8, 8, 3), (255, 0, 0), np.uint8))
    reports = ProgressReports(store, claim, handle, 1e-9, RULES)
    reports.send()
    reports.send()
    assert not sample.wants_preview
