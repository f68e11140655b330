import pytest
import torch

from model.costs import Cost
from model.profiles import AUTOMATIC, PROFILES, RESERVE, DoesNotFit, Memory, choose_profile, free_memory

GB = 10**9
#: Sizes of the published text-to-image model, rounded.
COSTS = [
    Cost("shared", "text encoder", 8_700, 17 * GB, 9 * GB, 0),
    Cost("shared", "autoencoder", 270, 1 * GB, 1 * GB, 5 * GB),
    Cost("base", "U-Net", 3_000, 6 * GB, 6 * GB, 1 * GB),
    Cost("flash", "U-Net", 3_000, 6 * GB, 6 * GB, 1 * GB),
]
LARGE_HOST = 10**15


@pytest.mark.parametrize(
    ("name", "device", "host"),
    [
        ("resident", 30 + 5, 0),
        ("encoder-int8", 22 + 5, 0),
        ("encoder-cpu", 13 + 5, 17),
        ("offload", 17, 30),
        ("offload-encoder-int8", 9, 22),
        ("offload-encoder-cpu", 7, 30),
        ("encoder-remote", 13 + 5, 0),
        ("offload-encoder-remote", 7, 13),
    ],
)
def test_need_of_each_profile(name: str, device: int, host: int) -> None:
    assert PROFILES[name].need(COSTS) == Memory(device * GB + RESERVE, host * GB)


@pytest.mark.parametrize(
    ("free", "chosen"),
    [
        (40, "resident"),
        (30, "encoder-int8"),
        (24, "encoder-cpu"),
        (18, "offload"),
        (8, "offload-encoder-cpu"),
    ],
)
def test_fastest_profile_that_fits_is_chosen(free: int, chosen: str) -> None:
    assert choose_profile(COSTS, Memory(free * GB, LARGE_HOST)).name == chosen


def test_host_memory_counts() -> None:
    assert choose_profile(COSTS, Memory(24 * GB, 16 * GB), "encoder-remote").name == "encoder-remote"
    with pytest.raises(DoesNotFit, match=r"17\.0 GB of host memory of 16\.0 GB"):
        choose_profile(COSTS, Memory(24 * GB, 16 * GB), "encoder-cpu")
    assert choose_profile(COSTS, Memory(18 * GB, 23 * GB)).name == "offload-encoder-int8"


def test_nothing_fits() -> None:
    needed = r"offload-encoder-cpu, which needs 8\.0 GB on the device of 7\.0 GB"
    with pytest.raises(DoesNotFit, match=f"no memory profile fits; that with the least need is {needed}"):
        choose_profile(COSTS, Memory(7 * GB, LARGE_HOST))


def test_profile_that_is_asked_for_is_refused_when_it_does_not_fit() -> None:
    needed = r"resident, which needs 36\.0 GB on the device of 24\.0 GB"
    with pytest.raises(DoesNotFit, match=f"memory profile {needed}"):
        choose_profile(COSTS, Memory(24 * GB, LARGE_HOST), "resident")
    with pytest.raises(ValueError, match="memory profile 'fast' is none of resident, encoder-int8, "):
        choose_profile(COSTS, Memory(24 * GB, LARGE_HOST), "fast")


def test_cpu_has_no_device_to_bring_networks_to() -> None:
    memory = free_memory(torch.device("cpu"))
    assert memory.host is None
    assert memory.device > 0
    with pytest.raises(DoesNotFit, match="memory profile offload needs a device beside the CPU"):
        choose_profile(COSTS, Memory(40 * GB), "offload")
    with pytest.raises(DoesNotFit, match="that with the least need is encoder-int8"):
        choose_profile(COSTS, Memory(24 * GB))


def test_an_encoder_in_int8_takes_a_copy_of_a_layer() -> None:
    encoder = Cost("shared", "text encoder", 8_700, 17 * GB, 9 * GB, 1 * GB, int8_copy=2 * GB)
    needs = {name: PROFILES[name].need([encoder]).device for name in ("resident", "encoder-int8")}
    assert needs == {"resident": 18 * GB + RESERVE, "encoder-int8": 12 * GB + RESERVE}


@pytest.mark.parametrize("name", ["offload", "offload-encoder-remote"])
def test_what_stays_takes_no_turns(name: str) -> None:
    writer = Cost("writer", "language model", 135, 3 * GB, 2 * GB, 1 * GB, stays=True)
    reader = Cost("other", "text encoder", 8_700, 17 * GB, 9 * GB, 0, stays=True)
    alone, profile = PROFILES[name].need(COSTS), PROFILES[name]
    assert profile.need([*COSTS, writer]) == Memory(alone.device + 3 * GB, alone.host)
    assert profile.need([*COSTS, reader]) == Memory(alone.device + 17 * GB, alone.host)


def test_profiles_that_are_chosen_from_have_a_text_encoder() -> None:
    assert {profile.encoder for profile in AUTOMATIC} == {"resident", "int8", "cpu"}
