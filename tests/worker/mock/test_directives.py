"""What a request tells the mock models to do with it."""

import pytest

from tests.worker.conftest import MakeJob
from tests.worker.mock.stages import stage
from worker.jobs.stages import Kind
from worker.mock.directives import Directive, find_directive


@pytest.mark.parametrize(
    ("prompt", "directive"),
    [
        ("a cat, mock:error, in oil", Directive("error")),
        ("mock:crash:2", Directive("crash", 2)),
        ("mock:hang mock:oom", Directive("hang")),
        ("a mock: error", None),
        ("mock:errors", None),
        ("hammock:error", None),
        ("mock:fire", None),
    ],
)
def test_the_first_in_the_prompt_counts(make_job: MakeJob, prompt: str, directive: Directive | None) -> None:
    assert find_directive(make_job(stage(Kind.TEXT_TO_IMAGE, prompt=prompt))) == directive


@pytest.mark.parametrize(("said", "directive"), [("crash:1", Directive("crash", 1)), (7, None), ({}, None)])
def test_metadata_tell_it_where_there_is_no_prompt(
    make_job: MakeJob, said: object, directive: Directive | None
) -> None:
    job = make_job(stage(Kind.SUPER_RESOLUTION), metadata={"mock": said})
    assert find_directive(job) == directive


def test_it_can_be_for_the_first_times_only() -> None:
    assert [Directive("crash", 2).applies(number) for number in (1, 2, 3)] == [True, True, False]
    assert Directive("crash").applies(99)
