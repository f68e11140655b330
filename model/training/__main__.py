"""Trains the demonstration family, or the named parts of it, in this order.

Every run goes on where the last one stopped. `--minutes` bounds a run, for machines lent for a while.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from model.training import autoencoder, base, flash, inpainting
from model.training.config import CONFIGS
from model.training.export import EXPORTS, export
from model.training.loop import Diverged
from model.training.pictures import PICTURES_FOLDER, PicturesMissing
from model.training.run import ConfigurationChanged, NotTrained, Run, Unfinished
from model.training.superres import flash as flash_x2
from model.training.superres.training import train_x2, train_x4

#: What can be trained; each builds on those before it, but super-resolution on nothing.
PARTS: dict[str, Callable[[Run, torch.device, float], bool]] = {
    "autoencoder": autoencoder.train,
    "base": base.train,
    "decoder": autoencoder.train_decoder,
    "inpainting": inpainting.train,
    "flash": flash.train,
    "superres-x4": train_x4,
    "superres-x2": train_x2,
    "superres-flash-x2": flash_x2.train,
}


def main() -> int:
    """Trains the parts that are not complete, in order; returns the exit code."""
    options = _parse()
    deadline = time.monotonic() + 60 * options.minutes
    config, device = CONFIGS[options.config], torch.device(options.device)
    run = Run(options.folder / config.name, config, options.pictures)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        for part in options.parts:
            if time.monotonic() >= deadline or not PARTS[part](run, device, deadline):
                break
        if options.export:
            export(run, options.export)
    except (ConfigurationChanged, Diverged, NotTrained, PicturesMissing, Unfinished, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run the same command to go on from the last save", file=sys.stderr)
        return 130
    return 0


def _parse() -> argparse.Namespace:
    has_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(
        prog="python -m model.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if left out")
    parser.add_argument("--config", choices=CONFIGS, default="gpu" if has_gpu else "cpu")
    parser.add_argument("--folder", type=Path, default=Path("runs"), help="where runs keep their state")
    parser.add_argument("--pictures", type=Path, default=PICTURES_FOLDER, help="folder of the picture data")
    parser.add_argument("--device", default="cuda" if has_gpu else "cpu")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, resumable, after this long")
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FOLDER",
        help=f"write what is trained so far as checkpoints into this folder: {', '.join(EXPORTS)}",
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    options.parts = options.parts or list(PARTS)
    return options


if __name__ == "__main__":
    sys.exit(main())
