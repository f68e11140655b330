"""What the mock language model makes of a prompt."""

from worker.jobs.job import Job
from worker.jobs.stages import PLACE, Beautification

#: How it goes on, chosen by the seed.
ENDINGS = (
    "3d render, on a light blue background, soft light",
    "watercolor, muted colors, plenty of detail",
    "photograph, evening light, shallow depth of field",
    "digital art, bold colors, on a pink background",
)


def beautify(job: Job) -> str:
    """The prompt in its style, and more of the same: equal requests give equal texts."""
    stage = job.stage
    assert isinstance(stage, Beautification)
    richer = f"{stage.prompt.rstrip(' .,;:')}, {ENDINGS[stage.seed % len(ENDINGS)]}"
    return stage.template.replace(PLACE, richer)
