"""Ids of jobs as UUIDs."""

import pytest

from service.fusionbrain.identity import find_job_id, job_uuid, pipeline_uuid
from worker.jobs.errors import JobNotFound
from worker.jobs.job import new_job_id


@pytest.mark.parametrize("job_id", ["job_" + "0" * 26, "job_7" + "z" * 25, new_job_id()], ids=range(3))
def test_a_uuid_leads_back_to_its_job(job_id: str) -> None:
    assert find_job_id(str(job_uuid(job_id))) == job_id


@pytest.mark.parametrize("text", ["", "nonsense", "job_" + "0" * 26])
def test_what_is_no_uuid_is_no_job(text: str) -> None:
    with pytest.raises(JobNotFound):
        find_job_id(text)


def test_a_model_has_one_pipeline() -> None:
    assert pipeline_uuid("a") == pipeline_uuid("a") != pipeline_uuid("b")
