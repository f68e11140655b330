"""Which checkpoints a worker serves, brought to its device."""

from collections.abc import Sequence
from pathlib import Path

import torch

from model.checkpoint import FAMILY, Loaded
from model.family import enlarges, find_checkpoints, load_pipeline
from model.pipeline import Pipeline
from worker.jobs.job import Kind
from worker.models import DrawingModel, ResidentModel, UpscalingModel
from worker.networks import ResidentNetworks
from worker.settings import WorkerSettings

#: Below so many weights a second CPU thread makes a U-Net slower, as measured by `benchmarks.throughput`.
SMALL_NETWORK = 50_000_000


class DeviceUnavailable(Exception):
    """This machine, or this build of torch, has no such device."""


class NothingToServe(Exception):
    """The settings leave no checkpoint, or name one that is not there."""


def load_networks(settings: WorkerSettings) -> ResidentNetworks:
    """Loads the checkpoints that the settings name, and what they share once.

    Raises CheckpointError, DeviceUnavailable and NothingToServe.
    """
    device = _choose_device(settings.device)
    folders = choose_checkpoints(settings)
    dtype = settings.dtype or ("bfloat16" if device.type == "cuda" else "float32")
    models = _load(folders, device, getattr(torch, dtype))
    threads = {model.card.id: settings.num_threads or _best_threads(model) for model in models}
    return ResidentNetworks({model.card.id: model for model in models}, threads)


def choose_checkpoints(settings: WorkerSettings) -> list[Path]:
    """The folders of the models that are wanted and whose queue is served. Raises NothingToServe."""
    given = settings.checkpoints or (FAMILY,)
    found: dict[str, Path] = {}
    for folder in (folder for place in given for folder in find_checkpoints(place)):
        name = folder.resolve().name
        if found.setdefault(name, folder).resolve() != folder.resolve():
            raise NothingToServe(f"{found[name]} and {folder} would both be called {name}")
    if missing := [name for name in settings.model_names if name not in found]:
        raise NothingToServe(f"no checkpoint is called {missing[0]!r}; there is {', '.join(found)}")
    wanted = [found[name] for name in settings.model_names or found]
    served = [folder for folder in wanted if _queue(folder) in (settings.queue_names or (_queue(folder),))]
    if not served:
        raise NothingToServe(f"none of {', '.join(map(str, wanted))} works for queue {settings.queues}")
    return served


def _load(folders: Sequence[Path], device: torch.device, dtype: torch.dtype) -> list[ResidentModel]:
    loaded: Loaded = {}
    pipelines = [load_pipeline(folder, device, dtype, loaded) for folder in folders]
    return [
        DrawingModel(pipeline) if isinstance(pipeline, Pipeline) else UpscalingModel(pipeline)
        for pipeline in pipelines
    ]


def _queue(folder: Path) -> str:
    return (Kind.SUPER_RESOLUTION if enlarges(folder) else Kind.TEXT_TO_IMAGE).queue


def _best_threads(model: ResidentModel) -> int:
    """All cores, but one for a small network on latents, whose layers end sooner than threads can share."""
    size = sum(weight.numel() for weight in model.network.parameters())
    return 1 if isinstance(model, DrawingModel) and size < SMALL_NETWORK else torch.get_num_threads()


def _choose_device(name: str | None) -> torch.device:
    device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DeviceUnavailable(f"device {name} cannot be used here: {reason}") from error
    return device
