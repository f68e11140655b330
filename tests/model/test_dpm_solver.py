import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from model.dpm_solver import solver_steps


def test_timesteps_as_published() -> None:
    assert [step.timestep for step in solver_steps(5)] == [999, 799, 599, 400, 200]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("num_steps", [1, 2, 3, 5, 14, 20, 50])
def test_it_is_the_scheduler_of_diffusers(num_steps: int) -> None:
    scheduler = DPMSolverMultistepScheduler(beta_schedule="linear", prediction_type="sample")
    scheduler.set_timesteps(num_steps)
    steps = solver_steps(num_steps)
    assert [step.timestep for step in steps] == scheduler.timesteps.tolist()
    ours = theirs = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    previous = None
    for step, timestep in zip(steps, scheduler.timesteps, strict=True):
        predicted = torch.tanh(2 * ours + step.timestep / 1000)
        ours, previous = step.advance(ours, predicted, previous), predicted
        theirs = scheduler.step(torch.tanh(2 * theirs + timestep / 1000), timestep, theirs).prev_sample
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_the_last_step_gives_what_the_network_predicts() -> None:
    noisy, predicted, previous = torch.randn(3, 1, 3, 8, 8)
    assert torch.equal(solver_steps(5)[-1].advance(noisy, predicted, previous), predicted)


@pytest.mark.parametrize("num_steps", [0, 1000])
def test_an_impossible_number_of_steps_is_refused(num_steps: int) -> None:
    with pytest.raises(ValueError, match=f"not {num_steps}"):
        solver_steps(num_steps)
