"""Which models a worker serves, brought to where they are evaluated."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from model.checkpoint import FAMILY
from model.components import Loaded, load_text_encoder, text_encoder_folders
from model.costs import Cost
from model.family import Found, find_checkpoints, load_pipeline
from model.language.loading import find_default_language_model, load_language_model, read_language_cost
from model.language.network import LanguageModel
from model.language.pipeline import LanguagePipeline
from model.pipeline import Pipeline
from model.placement import family_costs, offload, text_encoder_cost
from model.profiles import RESERVE, Profile, choose_profile, find_profile, free_memory
from model.residency import Residency
from model.serving import read_serving
from model.t5 import load_tokenizer
from model.text_encoder import MAX_TOKENS, PromptEncoder
from model.upscaling import UpscalePipeline
from worker.jobs.stages import Kind
from worker.models.drawing import DrawingModel
from worker.models.encoding import EncodingModel
from worker.models.language import BeautifyingModel
from worker.models.resident import ResidentModel
from worker.models.upscaling import UpscalingModel
from worker.networks import ResidentNetworks
from worker.settings import NothingToServe, WorkerSettings

#: Below so many weights a second CPU thread makes a U-Net slower, as measured by `benchmarks.throughput`.
SMALL_NETWORK = 50_000_000
IMAGES, SUPERRES = Kind.TEXT_TO_IMAGE.family, Kind.SUPER_RESOLUTION.family
PROMPTS, ENCODERS = Kind.BEAUTIFICATION.family, Kind.ENCODING.family


class DeviceUnavailable(Exception):
    """This machine, or this build of torch, has no such device."""


def load_networks(settings: WorkerSettings) -> ResidentNetworks:
    """Loads the models that the settings name, and what they share once.

    Raises CheckpointError, DeviceUnavailable, DoesNotFit, NothingToServe, and ValueError for a setting of
    memory or of the language model that cannot be.
    """
    device = _choose_device(settings.device)
    dtype = settings.dtype or ("bfloat16" if device.type == "cuda" else "float32")
    loader = Loader(settings, device, getattr(torch, dtype))
    loader.require_memory()
    writing, encoding = loader.beautifying(), loader.encoding()
    # What those leave of the memory is known now.
    models = [*writing, *loader.rendering(), *encoding]
    if not models:
        raise NothingToServe(f"there is nothing that works for queue {settings.queues}")
    names = [model.card.id for model in models]
    if twice := [name for name in names if names.count(name) > 1]:
        raise NothingToServe(f"two models would be called {twice[0]}")
    threads = {model.card.id: settings.num_threads or _best_threads(model) for model in models}
    return ResidentNetworks({model.card.id: model for model in models}, threads, loader.residency)


def choose_checkpoints(settings: WorkerSettings) -> list[Found]:
    """The checkpoints that are wanted, whatever queue they work for. Raises NothingToServe."""
    given = settings.checkpoints or (FAMILY,)
    found: dict[str, Found] = {}
    for each in (each for place in given for each in find_checkpoints(place)):
        other = found.setdefault(each.name, each)
        if other.place.resolve() != each.place.resolve():
            raise NothingToServe(f"{other.place} and {each.place} would both be called {each.name}")
    if missing := [name for name in settings.model_names if name not in found]:
        raise NothingToServe(f"no checkpoint is called {missing[0]!r}; there is {', '.join(found)}")
    return [found[name] for name in settings.model_names or found]


@dataclass(frozen=True)
class Loader:
    """Loads models for one device."""

    settings: WorkerSettings
    device: torch.device
    dtype: torch.dtype

    @cached_property
    def found(self) -> list[Found]:
        return choose_checkpoints(self.settings)

    @cached_property
    def loaded(self) -> Loaded:
        """What the checkpoints share."""
        return Loaded(encoder=self.profile.encoder)

    @cached_property
    def rendered(self) -> list[Found]:
        """The checkpoints that make pictures here."""
        return [each for each in self.found if self.settings.serves(SUPERRES if each.enlarges else IMAGES)]

    @cached_property
    def encoders(self) -> list[Path]:
        """The folders of the text encoders that work for other workers."""
        if not self.settings.serves(ENCODERS):
            return []
        return list(dict.fromkeys(_components_folder(each) for each in self.found if not each.enlarges))

    @cached_property
    def language_model(self) -> Path | None:
        """Where the language model lies, if one is wanted."""
        if not self.settings.serves(PROMPTS):
            return None
        match self.settings.language_model:
            case "none":
                return None
            case "auto":
                # Beside other networks than the demonstration a language model is a choice of its own.
                wanted = not self.settings.checkpoints or self.settings.queue_names == (PROMPTS,)
                return find_default_language_model() if wanted else None
            case path:
                return Path(path)

    @cached_property
    def costs(self) -> list[Cost]:
        """What all networks cost. Raises CheckpointError."""
        costs = family_costs(self.rendered, self.dtype, "none" if self._is_remote else "resident")
        own = [text_encoder_cost(folder, self.dtype) for folder in self.encoders if not self._is_read(folder)]
        costs += [replace(cost, stays=self._is_remote) for cost in own]
        if self.language_model is not None:
            costs.append(read_language_cost(self.language_model, self.dtype))
        return costs

    @cached_property
    def profile(self) -> Profile:
        """How the networks share the memory that is free. Raises DoesNotFit."""
        name = None if self.settings.memory == "auto" else self.settings.memory
        return choose_profile(self.costs, free_memory(self.device), name)

    @cached_property
    def residency(self) -> Residency | None:
        """Of the networks that take turns, within the memory that is free when it is first asked for."""
        if not self.profile.offloads:
            return None
        return Residency(self.device, free_memory(self.device).device - RESERVE)

    def require_memory(self) -> None:
        """Raises DoesNotFit, before anything is loaded, and ValueError for a profile that is none."""
        _ = self.profile

    def rendering(self) -> list[ResidentModel]:
        """The models that make pictures."""
        if not self.rendered:
            return []
        pipelines = [load_pipeline(each, self._place, self.dtype, self.loaded) for each in self.rendered]
        if self.residency is not None:
            offload([pipeline.checkpoint for pipeline in pipelines], self.profile, self.residency)
            # How much a pipeline evaluates at a time depends on the device, which is another one only now.
            pipelines = [_made_anew(pipeline) for pipeline in pipelines]
        named = zip(self.rendered, pipelines, strict=True)
        return [self._rendering(each, pipeline) for each, pipeline in named]

    def encoding(self) -> list[ResidentModel]:
        """The text encoders that work for other workers."""
        return [EncodingModel(_encoder_name(folder), self._text_encoder(folder)) for folder in self.encoders]

    def beautifying(self) -> list[ResidentModel]:
        """The language model, if one is wanted."""
        if self.language_model is None:
            return []
        model = load_language_model(self.language_model, self.device, self.dtype, self.settings.beautifier)
        return [BeautifyingModel(self._language_pipeline(model))]

    def _rendering(self, found: Found, pipeline: Pipeline | UpscalePipeline) -> ResidentModel:
        if isinstance(pipeline, UpscalePipeline):
            return UpscalingModel(pipeline)
        remote = self.profile.encoder == "none"
        return DrawingModel(pipeline, _encoder_name(_components_folder(found)) if remote else None)

    def _text_encoder(self, folder: Path) -> PromptEncoder:
        if self._is_read(folder):
            return self.loaded.load(folder, self._place, self.dtype).prompts
        placement = self.profile.encoder
        stays = placement == "none"
        where = self.device if stays else torch.device("cpu") if placement == "cpu" else self._place
        encoder = load_text_encoder(folder, where, self.dtype, is_int8=placement == "int8")
        if self.profile.is_placed("text encoder") and self.residency is not None:
            cost = text_encoder_cost(folder, self.dtype)
            self.residency.manage(encoder.network, self.profile.activations(cost))
        return encoder

    @property
    def _place(self) -> torch.device:
        """Where networks are loaded."""
        return torch.device("cpu") if self.profile.offloads else self.device

    @property
    def _is_remote(self) -> bool:
        """Whether the text encoder of the networks that draw is another worker's, as the settings say."""
        memory = self.settings.memory
        return memory != "auto" and find_profile(memory).encoder == "none"

    def _is_read(self, folder: Path) -> bool:
        """Whether a text encoder works for networks that draw here."""
        drawing = [each for each in self.rendered if not each.enlarges]
        return not self._is_remote and folder in map(_components_folder, drawing)

    def _language_pipeline(self, model: LanguageModel) -> LanguagePipeline:
        """What writes as much as the text encoder of a checkpoint reads, if there is one."""
        drawing = [each for each in self.found if not each.enlarges]
        if not drawing:
            return LanguagePipeline(model)
        _, folder = text_encoder_folders(_components_folder(drawing[0]))
        tokenizer = load_tokenizer(folder)
        max_tokens = min(MAX_TOKENS, tokenizer.model_max_length)

        def count_tokens(text: str) -> int:
            return len(tokenizer([text], truncation=False)["input_ids"][0])

        return LanguagePipeline(model, count_tokens, max_tokens)


def _made_anew(pipeline: Pipeline | UpscalePipeline) -> Pipeline | UpscalePipeline:
    if isinstance(pipeline, Pipeline):
        return Pipeline(pipeline.checkpoint)
    return UpscalePipeline(pipeline.checkpoint)


def _components_folder(found: Found) -> Path:
    """The folder that has the text encoder of a checkpoint that draws."""
    return read_serving(found.folder, ("ddpm",)).components.resolve()


def _encoder_name(folder: Path) -> str:
    return f"{folder.name}-encoder"


def _best_threads(model: ResidentModel) -> int:
    """All cores, but one for a small network on latents, whose layers end sooner than threads can share."""
    size = sum(weight.numel() for weight in model.network.parameters())
    small = size < SMALL_NETWORK and not isinstance(model, UpscalingModel)
    return 1 if small else torch.get_num_threads()


def _choose_device(name: str | None) -> torch.device:
    device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DeviceUnavailable(f"device {name} cannot be used here: {reason}") from error
    return device
