"""What of a family would be where, and what it would cost, on a machine that need not be at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from model.costs import Cost
from model.family import find_checkpoints
from model.placement import family_costs
from model.profiles import PROFILES, RESERVE, DoesNotFit, Memory, Profile, choose_profile, fits, gigabytes
from model.published import IMAGE_MODELS, published_costs
from model.serving import PUBLISHED_SIDE

#: Bytes of a gigabyte, as makers of memory and of graphics cards almost count them.
GIGABYTE = 10**9


@dataclass(frozen=True)
class PlanOptions:
    """What is planned for; memory is in gigabytes of 10^9 bytes."""

    memory: float
    #: Of the machine beside its device; unknown, it is taken to be enough.
    host_memory: float | None = None
    #: Names of published models, or of those in the folder; all when there is none.
    models: Sequence[str] = ()
    #: A folder of checkpoints, instead of the published models.
    folder: Path | None = None
    profile: str | None = None
    dtype: torch.dtype = torch.bfloat16
    #: Side of the published models' pictures, in pixels.
    side: int = PUBLISHED_SIDE

    def __post_init__(self) -> None:
        for name in ("memory", "host_memory"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 10**6:
                raise ValueError(f"{name} should be more than 0 GB and less than a million, got {value}")
        if self.profile is not None and self.profile not in PROFILES:
            raise ValueError(f"profile should be one of {', '.join(PROFILES)}, got {self.profile!r}")


@dataclass(frozen=True)
class ResidencyPlan:
    """What networks cost, what there is, and the profile that serves them, if any does."""

    costs: tuple[Cost, ...]
    memory: Memory
    profile: Profile | None
    #: Why there is none.
    refusal: str = ""


def plan(options: PlanOptions) -> ResidencyPlan:
    """Plans. Raises ValueError for models that are not there, and CheckpointError for a damaged folder."""
    costs = tuple(_costs(options))
    host = 10**15 if options.host_memory is None else round(options.host_memory * GIGABYTE)
    memory = Memory(round(options.memory * GIGABYTE), host)
    try:
        return ResidencyPlan(costs, memory, choose_profile(costs, memory, options.profile))
    except DoesNotFit as refused:
        return ResidencyPlan(costs, memory, None, str(refused))


def print_plan(planned: ResidencyPlan, console: Console) -> None:
    """Prints what each network costs and where it would be, then what each profile needs."""
    console.print(_networks_table(planned))
    console.print(_profiles_table(planned))
    if planned.profile is None:
        console.print(f"[bold]Refused:[/bold] {planned.refusal}", soft_wrap=True)
        return
    need = planned.profile.need(planned.costs)
    console.print(
        f"[bold]{planned.profile.name}[/bold]: needs {gigabytes(need.device)} of the device's "
        f"{gigabytes(planned.memory.device)}, of which {gigabytes(RESERVE)} are kept for kernels and for "
        "pictures in the making; larger batches take what is left.",
        soft_wrap=True,
    )


def _costs(options: PlanOptions) -> list[Cost]:
    if options.folder is None:
        return published_costs(options.models or IMAGE_MODELS, options.dtype, options.side)
    found = find_checkpoints(options.folder)
    names = [model.name for model in found]
    if missing := [name for name in options.models if name not in names]:
        raise ValueError(
            f"no model in {options.folder} is called {missing[0]!r}; there is {', '.join(names)}"
        )
    return family_costs([m for m in found if m.name in (options.models or names)], options.dtype)


def _networks_table(planned: ResidencyPlan) -> Table:
    heads = ("network", "of", "weights,\nM", "GB", "at work,\nGB", "where")
    table = Table(*heads, title="Networks", box=None, padding=(0, 1, 0, 0))  # 80 columns hold it
    for column in table.columns:
        column.no_wrap, column.overflow = column.header == "of", "fold"
    for column in table.columns[2:5]:
        column.justify = "right"
    profile = planned.profile or Profile("resident", "resident")
    for cost in planned.costs:
        weights = profile.weights(cost)
        row = (f"{cost.num_weights / 1e6:,.1f}", f"{weights / 1e9:.2f}", f"{cost.activations / 1e9:.2f}")
        table.add_row(cost.role, cost.name, *row, "-" if planned.profile is None else _place(profile, cost))
    return table


def _place(profile: Profile, cost: Cost) -> str:
    if not profile.is_placed(cost.role):
        return "CPU" if profile.encoder == "cpu" else "other worker"
    place = "when used" if profile.takes_turns(cost) else "device"
    is_int8 = cost.role == "text encoder" and profile.encoder == "int8"
    return f"{place}, int8" if is_int8 else place


def _profiles_table(planned: ResidencyPlan) -> Table:
    table = Table("profile", "device, GB", "host, GB", "fits", title="Memory profiles, the fastest first")
    for column in table.columns[1:3]:
        column.justify = "right"
    for profile in PROFILES.values():
        need = profile.need(planned.costs)
        is_chosen = planned.profile is not None and profile.name == planned.profile.name
        verdict = "chosen" if is_chosen else "yes" if fits(profile, planned.costs, planned.memory) else "no"
        device, host = f"{need.device / 1e9:.1f}", f"{(need.host or 0) / 1e9:.1f}"
        table.add_row(profile.name, device, host, verdict, style="bold" if is_chosen else None)
    return table
