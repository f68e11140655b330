"""The published weights, and which files of their repositories are wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


class NotPublished(ValueError):
    """No published weights have the name; the message names those that there are."""


class FilesMissing(ValueError):
    """A repository lacks a file that its model needs; the message names both."""


@dataclass(frozen=True)
class Published:
    """Weights that can be pulled."""

    name: str
    #: Of the hub, as OWNER/NAME.
    repository: str
    #: What the models in it do, for people.
    does: str
    #: Patterns, each of which some file must match; of alternatives (`|`), the first that any matches.
    files: tuple[str, ...]
    #: About how much there is to pull.
    gigabytes: float
    #: Commit, branch or tag that is taken when no other is asked for.
    revision: str = "main"

    @property
    def folder(self) -> str:
        """Name of the folder that it is pulled into; models of one repository share one."""
        return self.repository.rpartition("/")[2]

    def choose(self, names: Sequence[str]) -> list[str]:
        """The names that are wanted, each once. Raises FilesMissing."""
        return list(dict.fromkeys(name for pattern in self.files for name in self._matching(pattern, names)))

    def _matching(self, patterns: str, names: Sequence[str]) -> list[str]:
        for pattern in patterns.split("|"):
            if matching := [name for name in names if _matches(name, pattern)]:
                return matching
        raise FilesMissing(f"{self.repository} has no file {patterns.replace('|', ' or ')}")


def _matches(path: str, pattern: str) -> bool:
    """Whether each part of a path matches that of a pattern: no `*` stands for a `/`."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


_ENCODER = tuple(
    f"weights/flan_ul2_encoder/{name}" for name in ("*.json", "spiece.model", "pytorch_model-*.bin")
)
_SHARED = ("weights/movq.pt", *_ENCODER)


def _original(model: str) -> tuple[str, str]:
    """The files of a U-Net of Kandinsky 3.1, whose name goes on with `model`."""
    return f"weights/kandinsky3{model}.pt", f"weights/flan_ul2_encoder/projection{model}.pt"


KANDINSKY_3_1 = "ai-forever/Kandinsky3.1"
KANDISUPERRES = "ai-forever/KandiSuperRes"

PUBLISHED = (
    Published(
        "kandinsky-3",
        "kandinsky-community/kandinsky-3",
        "text-to-image; diffusers folder, fp16",
        (
            "model_index.json",
            "scheduler/*.json",
            "tokenizer/*.json",
            "tokenizer/spiece.model",
            "*/config.json",
            "text_encoder/*fp16*.safetensors",
            "text_encoder/*index*fp16*.json",
            "unet/*fp16*.safetensors",
            "movq/*fp16*.safetensors",
        ),
        28.4,
    ),
    Published(
        "kandinsky-3.1",
        KANDINSKY_3_1,
        "text-to-image, Flash, inpainting",
        (*_original(""), *_original("_flash"), *_original("_inpainting"), *_SHARED),
        72.6,
    ),
    Published(
        "kandinsky-3-flash",
        KANDINSKY_3_1,
        "text-to-image in 4 steps, refiner",
        (*_original("_flash"), *_SHARED),
        48.2,
    ),
    Published(
        "kandinsky-3-inpainting",
        KANDINSKY_3_1,
        "inpainting, outpainting",
        (*_original("_inpainting"), *_SHARED),
        48.2,
    ),
    Published("kandisuperres-x4", KANDISUPERRES, "super-resolution x4", ("KandiSuperRes.ckpt",), 0.8),
    Published("kandisuperres-x2", KANDISUPERRES, "super-resolution x2", ("KandiSuperRes_x2.ckpt",), 1.7),
    Published(
        "kandisuperres-flash-x2",
        KANDISUPERRES,
        "super-resolution x2 in 4 steps",
        ("KandiSuperRes_flash_x2.pt",),
        1.7,
    ),
    Published(
        "neural-chat-7b-v3-1",
        "Intel/neural-chat-7b-v3-1",
        "prompt beautification",
        ("*config.json", "tokenizer*", "model*.safetensors*|pytorch_model*.bin*"),
        14.5,
    ),
)


def find_published(name: str) -> Published:
    """The published weights of a name. Raises NotPublished."""
    for published in PUBLISHED:
        if published.name == name:
            return published
    names = ", ".join(published.name for published in PUBLISHED)
    raise NotPublished(f"no published weights are called {name!r}; there is {names}")
