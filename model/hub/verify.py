"""Checks of folders of weights: what loading would refuse, found from the heads of the files alone."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from model.checkpoint import assemble, load_unet, read_outline
from model.components import Components, component_parts, load_autoencoder, load_text_encoder
from model.family import Found, find_checkpoints
from model.hub.files import META, attempt, collect, file_faults
from model.hub.language import language_faults, language_folders
from model.hub.lock import Lock, locked_folders
from model.upscaler import load_upscaler
from model.weights import CheckpointError


def verify(place: Path, *, sums: bool = False) -> Iterator[tuple[str, list[str]]]:
    """What is checked in a folder, one after the other, and all that is wrong with it.

    Files are compared with what was pulled (with `sums`, by their SHA-256 as well), opened, and compared with
    their index; the networks are built of their names and shapes. Raises CheckpointError for a folder that
    has nothing to check.
    """
    for folder in locked_folders(place):
        yield f"files pulled into {folder}", collect(partial(_check_lock, folder, sums))
    models, nothing = attempt(lambda: find_checkpoints(place))
    languages = language_folders(place, {found.folder for found in models or ()})
    if nothing and not languages:
        raise CheckpointError(*nothing)
    checks = ModelChecks()
    for found in models or ():
        yield found.name, checks.faults(found)
    for folder in languages:
        yield folder.resolve().name, language_faults(folder)


def _check_lock(folder: Path, sums: bool) -> None:
    lock = Lock.read(folder)
    if lock and (faults := list(lock.faults(folder, sums=sums))):
        raise CheckpointError(*faults)


class ModelChecks:
    """Checks of models, and of what they share only once."""

    def __init__(self) -> None:
        self._components: dict[Path, tuple[list[str], Components | None]] = {}

    def faults(self, found: Found) -> list[str]:
        """All that is wrong with a model, each fault once."""
        return list(dict.fromkeys(self._faults(found)))

    def _faults(self, found: Found) -> Iterator[str]:
        yield from file_faults(found.place)
        try:
            if found.enlarges:
                load_upscaler(found.place, META)
            else:
                yield from self._drawing_faults(found.place)
        except CheckpointError as error:
            yield from error.faults

    def _drawing_faults(self, place: Path) -> Iterator[str]:
        unet, faults = attempt(lambda: load_unet(place, META, None))
        yield from faults
        outline = read_outline(place)
        key = outline.serving.components.resolve()
        if key not in self._components:
            self._components[key] = _load_components(outline.serving.components)
        components_faults, components = self._components[key]
        yield from components_faults
        if unet and components:  # only of what is whole can it be told whether it fits
            assemble(place, outline, *unet, components)


def _load_components(folder: Path) -> tuple[list[str], Components | None]:
    """All that is wrong with an autoencoder and a text encoder, and these when nothing is."""
    faults = [fault for part in component_parts(folder) for fault in file_faults(part)]
    movq, movq_faults = attempt(lambda: load_autoencoder(folder, META, None))
    encoder, encoder_faults = attempt(lambda: load_text_encoder(folder, META, None))
    whole = Components(movq, encoder) if movq and encoder else None
    return [*faults, *movq_faults, *encoder_faults], whole
