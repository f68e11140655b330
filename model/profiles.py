"""Memory profiles: where the networks of a worker are, by what they cost and what there is."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.components import EncoderPlacement
from model.costs import Cost, Role
from model.host import free_host_memory

#: What is left on the device for the pictures in the making, for kernels and for fragments; an estimate.
RESERVE = 10**9


class DoesNotFit(Exception):
    """The networks that are wanted take more memory than there is; the message says how much of what."""


@dataclass(frozen=True)
class Memory:
    """Free memory in bytes."""

    device: int
    #: Of the machine beside its device; None where the device is the machine's own CPU.
    host: int | None = None


@dataclass(frozen=True)
class Profile:
    """Where the networks are: on the device for good, or in host memory until they are used."""

    name: str
    encoder: EncoderPlacement
    #: Whether networks come to the device when they are used, and the least recently used leave it.
    offloads: bool = False

    def is_placed(self, role: Role) -> bool:
        """Whether a network is ever on the device."""
        return role != "text encoder" or self.encoder in ("resident", "int8")

    def weights(self, cost: Cost) -> int:
        """Bytes that the weights of a network take, wherever they are."""
        if cost.stays or cost.role != "text encoder":
            return cost.weights
        if self.encoder == "none":
            return 0
        return cost.int8_weights if self.encoder == "int8" else cost.weights

    def need(self, costs: Sequence[Cost]) -> Memory:
        """The least memory that it does with: one network at a time is evaluated."""
        placed = [cost for cost in costs if cost.stays or self.is_placed(cost.role)]
        resident = sum(self.weights(cost) for cost in placed if not self.takes_turns(cost))
        device = resident + max(map(self._turn, placed), default=0)
        return Memory(device + RESERVE, sum(map(self.weights, costs)) - resident)

    def takes_turns(self, cost: Cost) -> bool:
        """Whether a network is on the device only when it is used."""
        return self.offloads and not cost.stays and self.is_placed(cost.role)

    def activations(self, cost: Cost) -> int:
        """Bytes that the evaluation of a network takes beside its weights."""
        is_int8 = cost.role == "text encoder" and self.encoder == "int8"
        return cost.activations + (cost.int8_copy if is_int8 else 0)

    def _turn(self, cost: Cost) -> int:
        """Bytes of the device that are taken while a network is evaluated, and only then."""
        return self.activations(cost) + (self.weights(cost) if self.takes_turns(cost) else 0)


#: Those that are chosen from, the fastest first.
AUTOMATIC = (
    Profile("resident", "resident"),
    Profile("encoder-int8", "int8"),
    Profile("encoder-cpu", "cpu"),
    Profile("offload", "resident", offloads=True),
    Profile("offload-encoder-int8", "int8", offloads=True),
    Profile("offload-encoder-cpu", "cpu", offloads=True),
)
#: All, those that need a second worker for the text encoder among them.
PROFILES = {
    profile.name: profile
    for profile in (
        *AUTOMATIC,
        Profile("encoder-remote", "none"),
        Profile("offload-encoder-remote", "none", offloads=True),
    )
}


def free_memory(device: torch.device) -> Memory:
    """What is free now on a device and its machine, or its container."""
    host = free_host_memory()
    if device.type == "cuda":
        return Memory(torch.cuda.mem_get_info(device)[0], host)
    return Memory(host)


def choose_profile(costs: Sequence[Cost], memory: Memory, name: str | None = None) -> Profile:
    """The fastest profile that fits, or the one of that name.

    Raises DoesNotFit, and ValueError when there is no such name.
    """
    if name is not None:
        profile = find_profile(name)
        require_fit(profile, costs, memory)
        return profile
    usable = [profile for profile in AUTOMATIC if memory.host is not None or not _needs_host(profile)]
    for profile in usable:
        if fits(profile, costs, memory):
            return profile
    least = min(usable, key=lambda profile: profile.need(costs).device)
    raise DoesNotFit(f"no memory profile fits; that with the least need is {_shortage(least, costs, memory)}")


def find_profile(name: str) -> Profile:
    """The profile of a name. Raises ValueError when there is none."""
    if name not in PROFILES:
        raise ValueError(f"memory profile {name!r} is none of {', '.join(PROFILES)}")
    return PROFILES[name]


def require_fit(profile: Profile, costs: Sequence[Cost], memory: Memory) -> None:
    """Raises DoesNotFit, naming the profile, when it needs more memory than there is."""
    if memory.host is None and _needs_host(profile):
        raise DoesNotFit(f"memory profile {profile.name} needs a device beside the CPU")
    if not fits(profile, costs, memory):
        raise DoesNotFit(f"memory profile {_shortage(profile, costs, memory)}")


def fits(profile: Profile, costs: Sequence[Cost], memory: Memory) -> bool:
    """Whether there is as much memory as a profile needs."""
    need = profile.need(costs)
    return need.device <= memory.device and (memory.host is None or (need.host or 0) <= memory.host)


def _needs_host(profile: Profile) -> bool:
    return profile.offloads or profile.encoder == "cpu"


def _shortage(profile: Profile, costs: Sequence[Cost], memory: Memory) -> str:
    need = profile.need(costs)
    text = f"{profile.name}, which needs {gigabytes(need.device)} on the device of {gigabytes(memory.device)}"
    if memory.host is None:
        return text
    return f"{text}, and {gigabytes(need.host or 0)} of host memory of {gigabytes(memory.host)}"


def gigabytes(num_bytes: int) -> str:
    """Bytes as people read them."""
    return f"{num_bytes / 1e9:.1f} GB"
