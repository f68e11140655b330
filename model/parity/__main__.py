"""Checks files of golden vectors: `python -m model.parity FILE...`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.parity.golden import Golden
from model.parity.kinds import error_of, kind_of
from model.weights import CheckpointError, made_from


def report(file: Path) -> tuple[str, bool]:
    """The line on one file, and whether all in it agrees."""
    try:
        golden = made_from(file, lambda: Golden.read(file))
        kind = kind_of(golden)
        error = made_from(file, lambda: error_of(golden, kind))
    except CheckpointError as problem:
        return f"{file.stem:<28} FAILED: {problem}", False
    agrees = error <= kind.limit
    verdict = "ok" if agrees else "FAILED"
    return f"{file.stem:<28} error {error:.1e}  limit {kind.limit:.0e}  {verdict}", agrees


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks the files of the command line; returns 0 when all of them agree."""
    parser = argparse.ArgumentParser(prog="python -m model.parity", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="golden vectors, .safetensors")
    all_agree = True
    for file in parser.parse_args(arguments).files:
        line, agrees = report(file)
        print(line, flush=True)
        all_agree &= agrees
    return 0 if all_agree else 1


if __name__ == "__main__":
    sys.exit(main())
