"""The report: what was measured, where and how, with the table and the sheets."""

import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from model.training.evaluation.enlarging import SIDE
from model.training.evaluation.prompts import FEW_STEPS
from model.training.evaluation.table import Figure, write_table

HEAD = """\
# What the demonstration family can do

Made by `{command}` on {machine}, PyTorch {torch}, {date}.

Every set of weights gets the same prompts and the same noise. The **reference** is what the same measure
gives for real renderings of the objects; for super-resolution it is bicubic interpolation, and for what
inpainting changes outside the hole it is the autoencoder alone.
"""
NOTES = """\
- **Objects** are recognised by a judge that took no part in training: features of EfficientNet-Lite0, trained
  on ImageNet, of the object cut out by its difference from the background. A picture shows the object, of all
  those that the judge knows, whose clean rendering is nearest by cosine.
- **Real renderings** have other backgrounds, sizes and places than those that the judge learnt from. Those
  through the MoVQ tell how much of what the judge looks for the autoencoder keeps.
- **Prompts** are "a cat", its Russian label alone, "a cat, flat style", "a cat on a blue background", "a cat
  to the left of a pizza". The base takes {num_steps} steps with guidance 3, Flash {few_steps} without.
- **Background**: which of the twelve colours is nearest to the median of the outermost pixels.
- **Two objects**: the judge sees the left and the right half of the picture.
- **Inpainting** replaces an object on a plain background, with a square hole in its place, by another one.
- **Super-resolution** starts from pictures of {side} px made small by averaging (clean), or in the way of the
  training data (worn). PSNR is over all pixels of all pictures; SSIM is that of Wang et al. (2004) with its
  Gaussian window.
"""


@dataclass(frozen=True)
class Report:
    """An evaluation that is complete."""

    #: For each set of weights by name.
    figures: Mapping[str, Sequence[Figure]]
    sheets: Sequence[Path]
    #: The command line's.
    arguments: Sequence[str]
    device: torch.device
    num_steps: int

    def write(self, path: Path) -> str:
        """All of it as Markdown; `path` is where it will be, for its links."""
        head = HEAD.format(
            command=shlex.join(["python", "-m", "model.training.evaluation", *self.arguments]),
            machine=describe_machine(self.device),
            torch=torch.__version__,
            date=datetime.now(UTC).date().isoformat(),
        )
        notes = NOTES.format(num_steps=self.num_steps, few_steps=FEW_STEPS, side=SIDE)
        parts = [head.strip(), write_table(self.figures).strip(), notes.strip()]
        links = [_link(sheet, path.parent) for sheet in self.sheets]
        return "\n\n".join([*parts, *links]) + "\n"


def _link(sheet: Path, folder: Path) -> str:
    return f"![{sheet.stem}]({Path(os.path.relpath(sheet, folder)).as_posix()})"


def describe_machine(device: torch.device) -> str:
    """The accelerator, or the processor and how many of its cores are used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} {'thread' if threads == 1 else 'threads'}"


def _processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
