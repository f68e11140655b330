"""`.gguf` files, converted once to a folder that loads in a second.

Reading one takes half a minute, whatever its size: its vocabulary is read three times, a token at a time.
"""

import hashlib
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from model.weights import CheckpointError, made_from

SUFFIX = ".gguf"
#: Where a conversion goes, in somebody's home, when it cannot lie beside the file.
CACHE = Path(".cache", "kandinsky-serve", "language")
#: Written last, so that a folder that has it is whole, and was made here.
MARK = "converted_from.txt"
#: Bytes at either end of a file that tell it from others of its size.
EDGE = 2**20


def converted(file: Path, cache: Path | None = None) -> Path:
    """A folder of `transformers` with the same model, converted now if it was not before.

    It lies beside the file, or in the cache where that cannot be written to or is somebody else's. Raises
    CheckpointError, naming the file.
    """
    if not file.is_file():
        raise CheckpointError(f"{file} is missing")
    identity = _identity(file)
    places = [file.with_suffix("")]
    if folder := cache or _home_cache():
        places.append(folder / f"{file.stem}-{identity[:12]}")
    for place in places:
        if _is_of(place, identity):
            return place
    for place in places:
        try:
            return _convert(file, place, identity)
        except OSError:  # not to be written to, or something else is in its place
            continue
    raise CheckpointError(f"{file}: cannot be converted to {' or '.join(map(str, places))}")


def _home_cache() -> Path | None:
    try:
        return Path.home() / CACHE
    except RuntimeError:  # a container's user may have no home
        return None


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
    if folder.exists() and not (folder / MARK).is_file():
        raise FileExistsError(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        made = Path(temporary) / "model"
        made_from(file, lambda: _write(file, made))
        (made / MARK).write_text(identity)
        for part in made.iterdir():
            part.chmod(0o644)  # a container's user may read what its builder converted
        if not _is_of(folder, identity):  # another process may have been faster
            if (folder / MARK).is_file():
                folder.rename(Path(temporary) / "old")
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
