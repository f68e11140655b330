"""The labelled pictures that demonstration checkpoints are trained on."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

PICTURES_FOLDER = Path(__file__).parent / "pictures"
PICTURES_FILE = "pictures.zip"
LABELS_FILE = "labels.json"
OBJECTS_FILE = Path(__file__).parent / "objects.json"


class PicturesMissing(FileNotFoundError):
    """The picture data is not where it should be."""


class UnknownObject(ValueError):
    """No picture has the label that was asked for."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One object on a transparent background, cut to its edges, with the words for it."""

    #: The label in the data, unique: "cat face".
    label: str
    #: What people call it, the plainest name first: "cat".
    names: tuple[str, ...]
    tags: tuple[str, ...]
    label_ru: str
    #: RGBA; the longer side is at most 256 px.
    image: Image.Image


def common_objects() -> list[str]:
    """The labels of the common, distinctive objects that the small checkpoint knows."""
    return list(_read_names())


def load_pictures(objects: Sequence[str] | None = None, folder: Path = PICTURES_FOLDER) -> list[Picture]:
    """The pictures with the labels `objects`, in that order; all of them without it.

    Raises PicturesMissing without the data and UnknownObject for a label that is not in it.
    """
    for file in (folder / PICTURES_FILE, folder / LABELS_FILE):
        if not file.is_file():
            raise PicturesMissing(f"{file} is missing; make it with: python -m model.training.fetch --help")
    words = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
    codes = {entry["label"]: code for code, entry in words.items()}
    unknown = [label for label in objects or () if label not in codes]
    if unknown:
        raise UnknownObject(f"no picture is labelled {', '.join(map(repr, unknown))}")
    names = _read_names()
    with zipfile.ZipFile(folder / PICTURES_FILE) as archive:
        labels = codes if objects is None else objects
        return [_picture(archive, codes[label], words[codes[label]], names) for label in labels]


def _picture(
    archive: zipfile.ZipFile, code: str, words: dict[str, Any], names: dict[str, dict[str, Any]]
) -> Picture:
    with archive.open(f"{code}.webp") as file:
        image = Image.open(file).convert("RGBA")
    plain = names.get(words["label"], {})
    return Picture(
        label=words["label"],
        names=tuple(plain.get("names", [words["label"]])),
        tags=tuple(words["tags"]),
        label_ru=plain.get("ru", words["label_ru"]),
        image=image.crop(image.getchannel("A").getbbox()),
    )


def _read_names() -> dict[str, dict[str, Any]]:
    names: dict[str, dict[str, Any]] = json.loads(OBJECTS_FILE.read_text(encoding="utf-8"))
    return names
