"""What the mock language model makes of a prompt."""

from tests.worker.conftest import MakeJob
from tests.worker.mock.stages import stage
from worker.jobs.stages import Kind
from worker.mock.writing import beautify


def test_a_prompt_becomes_richer_in_its_style(make_job: MakeJob) -> None:
    wanted = stage(Kind.BEAUTIFICATION, prompt="a cat.", template="{prompt}, flat style", seed=0)
    said = "a cat, 3d render, on a light blue background, soft light, flat style"
    assert beautify(make_job(wanted)) == said


def test_another_seed_says_something_else(make_job: MakeJob) -> None:
    texts = {beautify(make_job(stage(Kind.BEAUTIFICATION, seed=seed))) for seed in range(8)}
    assert len(texts) == 4
