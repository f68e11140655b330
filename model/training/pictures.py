"""The labelled pictures that demonstration checkpoints are trained on."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image

PICTURES_FOLDER = Path(__file__).parent / "pictures"
LABELS_FILE = "labels.json"
OBJECTS_FILE = Path(__file__).parent / "objects.json"

#: In which style an object is drawn: Fluent 3D, Fluent flat, Noto.
Style = Literal["3d", "flat", "noto"]
STYLES: tuple[Style, ...] = get_args(Style)


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
    style: Style
    #: RGBA; the longer side is at most 256 px.
    image: Image.Image


def common_objects() -> list[str]:
    """The labels of the common, distinctive objects that the small checkpoint knows."""
    return list(_read_names())


def pictures_file(style: Style) -> str:
    """Name of the file with the pictures of a style."""
    return f"{style}.zip"


def load_pictures(
    objects: Sequence[str] | None = None, style: Style = "3d", folder: Path = PICTURES_FOLDER
) -> list[Picture]:
    """The pictures in a style with the labels `objects`, in that order; all of them without it.

    Raises PicturesMissing without the data and UnknownObject for a label that is not in it.
    """
    for file in (folder / pictures_file(style), folder / LABELS_FILE):
        if not file.is_file():
            raise PicturesMissing(
                f"{file} is missing; make it with: python -m model.training.fetch --packages DIR"
            )
    words = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
    codes = {entry["label"]: code for code, entry in words.items()}
    unknown = [label for label in objects or () if label not in codes]
    if unknown:
        raise UnknownObject(f"no picture is labelled {', '.join(map(repr, unknown))}")
    names = _read_names()
    with zipfile.ZipFile(folder / pictures_file(style)) as archive:
        labels = codes if objects is None else objects
        return [_picture(_open(archive, codes[label]), words[codes[label]], names, style) for label in labels]


def _open(archive: zipfile.ZipFile, code: str) -> Image.Image:
    with archive.open(f"{code}.webp") as file:
        image = Image.open(file).convert("RGBA")
    return image.crop(image.getchannel("A").getbbox())


def _picture(
    image: Image.Image, words: dict[str, Any], names: dict[str, dict[str, Any]], style: Style
) -> Picture:
    plain = names.get(words["label"], {})
    return Picture(
        label=words["label"],
        names=tuple(plain.get("names", [words["label"]])),
        tags=tuple(words["tags"]),
        label_ru=plain.get("ru", words["label_ru"]),
        style=style,
        image=image,
    )


def _read_names() -> dict[str, dict[str, Any]]:
    names: dict[str, dict[str, Any]] = json.loads(OBJECTS_FILE.read_text(encoding="utf-8"))
    return names
