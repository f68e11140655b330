"""The mock models as the engine and the tasks ask for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from worker.engine.handle import SampleFailed
from worker.engine.sample import Order, Pixels
from worker.inputs import Inputs
from worker.jobs.job import Job
from worker.jobs.record import RANKS
from worker.jobs.stages import Beautification, Drawing, Encoding, ImageToImage, Rendering
from worker.mock.cards import choose_cards
from worker.mock.censoring import stamp
from worker.mock.drawing import draw, preview
from worker.mock.trouble import Trouble, find_trouble
from worker.mock.writing import beautify
from worker.results import Made, States, Text
from worker.settings import WorkerSettings

#: Steps of the mock language model: its tokens.
NUM_TOKENS = 40
#: What the mock text encoder leaves to the models that draw.
READ = b"read by a mock"


@dataclass(frozen=True, eq=False)
class Wanted:
    """One result that somebody wants, and what is to go wrong with it."""

    job: Job
    inputs: Inputs
    index: int
    num_steps: int
    trouble: Trouble | None


@dataclass(eq=False)
class Making:
    """A result in the making; only `MockNetworks.step` changes it."""

    wanted: Wanted
    num_done: int = 0

    @property
    def fraction(self) -> float:
        """How much of it is done."""
        return self.num_done / self.wanted.num_steps


class MockNetworks:
    """Models of every kind, none of which has a network."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Raises NothingToServe."""
        self._settings = settings
        self.cards = choose_cards(settings)
        self.device = "mock"

    def orders(self, job: Job, inputs: Inputs) -> list[Order]:
        """The samples of a job's present stage. Raises SampleFailed for what no model here does."""
        self._require_served(job)
        trouble, num_steps = find_trouble(job, self._settings), _num_steps(job)
        wanted = [
            Wanted(job, inputs, index, num_steps, trouble) for index in range(_num_samples(job, inputs))
        ]
        return [_order(each) for each in wanted]

    def finish(self, job: Job, inputs: Inputs, results: Sequence[Wanted]) -> Made:
        """What the stage has made."""
        match job.stage:
            case Beautification():
                return Text(beautify(job))
            case Encoding():
                return States(READ)
        # In the thread of the task, so that the engine's has time for steps.
        return [stamp(job, wanted.index, draw(job, inputs, wanted.index)) for wanted in results]

    def start(self, requests: Sequence[Wanted]) -> list[Making]:
        return [Making(wanted) for wanted in requests]

    def step(self, states: Sequence[Making]) -> None:
        for making in states:
            trouble = making.wanted.trouble
            if trouble and not trouble.comes_last and making.num_done >= making.wanted.num_steps // 2:
                trouble.strike(making.wanted.job.id)
        time.sleep(self._settings.mock_step_seconds)
        for making in states:
            making.num_done += 1

    def decode(self, states: Sequence[Making]) -> list[Wanted]:
        for making in states:
            if making.wanted.trouble:
                making.wanted.trouble.strike(making.wanted.job.id)
        return [making.wanted for making in states]

    def preview(self, state: Making) -> Pixels | None:
        wanted = state.wanted
        if not isinstance(wanted.job.stage, Rendering):
            return None
        pixels = preview(wanted.job, wanted.inputs, wanted.index, state.fraction)
        return stamp(wanted.job, wanted.index, pixels)

    def is_done(self, state: Making) -> bool:
        return state.fraction >= 1

    def is_finite(self, state: Making) -> bool:
        return True

    def _require_served(self, job: Job) -> None:
        stage = job.stage
        if not any(card.id == stage.model and stage.kind in card.kinds for card in self.cards):
            served = ", ".join(card.id for card in self.cards)
            said = f"this worker serves {served}, not {stage.model} for {stage.kind}"
            raise SampleFailed("model_unavailable", said)


def _order(wanted: Wanted) -> Order:
    job = wanted.job
    stage = job.stage
    size = (stage.width, stage.height) if isinstance(stage, Rendering) else (1, 1)
    is_guided = isinstance(stage, Drawing) and stage.guidance_scale != 1
    return Order(
        request=wanted,
        group=((stage.model, stage.kind), *size),
        num_steps=wanted.num_steps,
        rows=2 if is_guided else 1,
        priority=RANKS[job.priority],
        owner=job.owner,
    )


def _num_samples(job: Job, inputs: Inputs) -> int:
    if isinstance(job.stage, Drawing):
        return job.stage.num_images
    return max(1, len(inputs.pictures))


def _num_steps(job: Job) -> int:
    match job.stage:
        case ImageToImage(steps=steps, strength=strength):
            return max(1, round(steps * strength))
        case Rendering(steps=steps):
            return steps
        case Beautification():
            return NUM_TOKENS
    return 1
