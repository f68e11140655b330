"""`.gguf` files, converted once to a folder that loads in a second.

Reading one takes half a minute, whatever its size: its vocabulary is read three times, a token at a time.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from model.weights import CheckpointError, made_from

SUFFIX = ".gguf"
#: Where a conversion goes when the file's own folder cannot be written to.
CACHE = Path.home() / ".cache" / "kandinsky-serve" / "language"
#: Written last, so that a folder that has it is whole.
MARK = "converted_from.txt"
#: Bytes at either end of a file that tell it from others of its size.
EDGE = 2**20


def converted(file: Path, cache: Path = CACHE) -> Path:
    """A folder of `transformers` with the same model, converted now if it was not before.

    It lies beside the file, or in the cache. Raises CheckpointError, naming the file.
    """
    if not file.is_file():
        raise CheckpointError(f"{file} is missing")
    identity = _identity(file)
    places = (file.with_suffix(""), cache / f"{file.stem}-{identity[:12]}")
    for place in places:
        if _is_of(place, identity):
            return place
    for place in places:
        try:
            return _convert(file, place, identity)
        except OSError:  # not to be written to, or a file is in its place
            continue
    raise CheckpointError(f"{file}: neither {places[0]} nor {places[1]} can be written")


def _identity(file: Path) -> str:
    """What tells a file from its next version."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(EDGE)
        opened.seek(max(0, size - EDGE))
        return hashlib.sha256(start + opened.read() + str(size).encode()).hexdigest()


def _is_of(folder: Path, identity: str) -> bool:
    mark = folder / MARK
    return mark.is_file() and mark.read_text() == identity


def _convert(file: Path, folder: Path, identity: str) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        made = Path(temporary) / "model"
        made_from(file, lambda: _write(file, made))
        (made / MARK).write_text(identity)
        for part in made.iterdir():
            part.chmod(0o644)  # a container's user may read what its builder converted
        if not _is_of(folder, identity):  # another process may have been faster
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    return folder


def _write(file: Path, folder: Path) -> None:
    # Half precision errs by a thousandth of what the quantisation did.
    network = AutoModelForCausalLM.from_pretrained(
        file.parent,
        gguf_file=file.name,
        dtype=torch.float16,
        quantization_config=GgufConfig(dequantize=True),
        local_files_only=True,
    )
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True).save_pretrained(
        folder
    )
