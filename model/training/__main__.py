"""Trains a demonstration checkpoint: `python -m model.training --config cpu --export FOLDER`.

Every run goes on where the last one stopped. `--minutes` bounds a run, for machines lent for a while.
"""

import argparse
import math
import sys
import time
from pathlib import Path

import torch

from model.training import autoencoder, diffusion
from model.training.bank import Bank
from model.training.config import CONFIGS
from model.training.export import export
from model.training.pictures import PicturesMissing
from model.training.run import ConfigurationChanged, Run


def main() -> int:
    """Runs the stages that are not complete, in order; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", choices=CONFIGS, default="gpu" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--folder", type=Path, default=Path("runs"), help="where runs keep their state")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop, resumable, after this long")
    parser.add_argument("--export", type=Path, help="write the checkpoint, as trained so far, to this folder")
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes
    config, device = CONFIGS[options.config], torch.device(options.device)
    try:
        run = Run(options.folder / config.name, config)
        bank = Bank(config)
        stages = (autoencoder.train, diffusion.train, autoencoder.train_decoder)
        for train in stages:
            if not train(run, bank, device, deadline):
                break
        if options.export:
            export(run, options.export)
    except (ConfigurationChanged, PicturesMissing, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run the same command to go on from the last save", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
