"""Better prompts without any service.

`python -m model.language "a red apple"` prints one, and one for each further prompt. Without any prompt it
only gets the model ready: a `.gguf` file is converted once.
"""

import argparse
import sys
from pathlib import Path

import torch

from model.language.loading import load_language_model
from model.language.pipeline import LanguagePipeline, beautify
from model.language.settings import PLACE
from model.language.writing import BeautifyRequest
from model.weights import CheckpointError


def main() -> int:
    """Parses the command line and prints a prompt a line; returns the exit code."""
    options = _parser().parse_args()
    try:
        requests = [BeautifyRequest(prompt, options.seed, options.style) for prompt in options.prompts]
        model = load_language_model(options.model, torch.device(options.device))
    except (CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not requests:
        print(f"{model.name} is ready")
    for beautified in beautify(LanguagePipeline(model), requests):
        print(beautified.text)
        if beautified.fallback:
            print(f"note: {beautified.fallback}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.language", description=__doc__)
    parser.add_argument("prompts", nargs="*", metavar="PROMPT")
    parser.add_argument("--model", type=Path, help="a folder of transformers or a .gguf file")
    parser.add_argument("--style", default=PLACE, help="a text with {prompt} in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


if __name__ == "__main__":
    sys.exit(main())
