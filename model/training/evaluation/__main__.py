"""Measures checkpoints and writes one table: `python -m model.training.evaluation -o docs/evaluation.md`.

Several sets of weights, each a folder with some of the family's checkpoints, stand side by side:
`--checkpoints cpu=runs/cpu/export gpu=model/checkpoints`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from model.checkpoint import FAMILY
from model.training.evaluation.backgrounds import measure_backgrounds
from model.training.evaluation.bench import NUM_STEPS, Bench
from model.training.evaluation.enlarging import measure_enlarging
from model.training.evaluation.features import Features
from model.training.evaluation.inpainting import measure_inpainting
from model.training.evaluation.pairs import measure_pairs
from model.training.evaluation.recognition import measure_all_objects, measure_objects
from model.training.evaluation.reconstruction import measure_reconstruction
from model.training.evaluation.report import Report
from model.training.evaluation.sheets import write_sheets
from model.training.evaluation.styles import measure_styles
from model.training.evaluation.table import Figure
from model.training.evaluation.weights import NoCheckpoints, Weights
from model.training.pictures import PicturesMissing
from model.training.run import write_atomically
from model.weights import CheckpointError

PARTS: dict[str, Callable[[Weights, Bench], Iterator[Figure]]] = {
    "objects": measure_objects,
    "all-objects": measure_all_objects,
    "styles": measure_styles,
    "backgrounds": measure_backgrounds,
    "pairs": measure_pairs,
    "inpainting": measure_inpainting,
    "super-resolution": measure_enlarging,
    "autoencoder": measure_reconstruction,
}
#: What a set of weights is called whose name is not given.
UNNAMED = "family"


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluates, and writes the report and the sheets; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    device = torch.device(options.device)
    try:
        sets = [_weights(words, device) for words in options.checkpoints]
        if len({weights.name for weights in sets}) < len(sets):
            raise NoCheckpoints("--checkpoints needs a name of its own for each folder: NAME=FOLDER")
        with _progress() as progress:
            bench = Bench(Features().to(device), progress, options.quick, options.steps)
            figures = {weights.name: _measure(weights, bench, options.only) for weights in sets}
            sheets = [
                path
                for weights in (sets if options.sheets else ())
                for path in write_sheets(weights, bench, options.sheets)
            ]
    except (NoCheckpoints, CheckpointError, PicturesMissing) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report = Report(figures, sheets, given, device, options.steps).write(options.output)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.output, report.encode())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.training.evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--checkpoints",
        nargs="+",
        default=[str(FAMILY)],
        metavar="[NAME=]FOLDER",
        help="default: %(default)s",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/evaluation.md"))
    parser.add_argument("--sheets", type=Path, help="write contact sheets to this folder")
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PART,...", help=", ".join(PARTS))
    parser.add_argument("--steps", type=int, default=NUM_STEPS, help="of the base; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a tenth of the pictures")
    return parser


def _parts(words: str) -> list[str]:
    """The parts of a comma-separated list."""
    parts = [word for word in words.split(",") if word]
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(PARTS)}")
    return parts


def _weights(words: str, device: torch.device) -> Weights:
    """The set of weights that `NAME=FOLDER` or `FOLDER` means."""
    name, _, folder = words.rpartition("=")
    return Weights(name or UNNAMED, Path(folder), device)


def _measure(weights: Weights, bench: Bench, parts: Sequence[str]) -> list[Figure]:
    """All figures of the parts, each shown as soon as it is known."""
    figures = []
    for part in bench.progress.track(parts, description=weights.name):
        for figure in PARTS[part](weights, bench):
            figures.append(figure)
            bench.progress.console.print(f"{weights.name}: {figure.measure}: {' | '.join(figure.cells())}")
    return figures


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, refresh_per_second=2)


if __name__ == "__main__":
    sys.exit(main())
