"""Rebuild the picture data (a zip for each style, and `labels.json`) from the tarballs of npm packages.

Get the tarballs with `npm pack @lobehub/fluent-emoji-3d@1.1.0 @iconify-json/fluent-emoji-flat@1.2.6
@iconify-json/noto@1.2.9 emojibase-data@17.0.0`.
"""

import argparse
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import resvg_py
from PIL import Image

from model.training.pictures import LABELS_FILE, PICTURES_FOLDER, Style, pictures_file

PICTURES_PACKAGE = "lobehub-fluent-emoji-3d-1.1.0.tgz"
ICON_PACKAGES: dict[Style, str] = {
    "flat": "iconify-json-fluent-emoji-flat-1.2.6.tgz",
    "noto": "iconify-json-noto-1.2.9.tgz",
}
LABELS_PACKAGE = "emojibase-data-17.0.0.tgz"

#: Side in pixels at which drawings are rendered, and the quality of their WebP, 0 to 100.
ICON_SIDE, ICON_QUALITY = 256, 85

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


def read_icons(package: Path, codes: set[str]) -> dict[str, bytes]:
    """The drawings of `codes` by hexcode, as WebP; codes that the package lacks are left out."""
    with tarfile.open(package) as archive:
        drawings = _read_json(archive, "package/icons.json")
        names = {hexcode(code): name for code, name in _read_json(archive, "package/chars.json").items()}
    icons = drawings["icons"]
    return {code: _render(icons[names[code]], drawings) for code in sorted(codes) if names.get(code) in icons}


def write_labels(labels: dict[str, dict[str, Any]], folder: Path) -> None:
    """Write `labels.json`, a line for each object."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(code)}: {json.dumps(labels[code], ensure_ascii=False)}" for code in labels]
    (folder / LABELS_FILE).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def write_pictures(style: Style, pictures: dict[str, bytes], folder: Path) -> None:
    """Write the pictures of a style as a zip (stored, not compressed: WebP already is)."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / pictures_file(style), "w", zipfile.ZIP_STORED) as archive:
        for code in sorted(pictures):
            archive.writestr(zipfile.ZipInfo(f"{code}.webp", ENTRY_DATE), pictures[code])


def main() -> None:
    """Command line: `python -m model.training.fetch --packages DIR`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="folder that holds the .tgz files")
    parser.add_argument("--folder", type=Path, default=PICTURES_FOLDER, help="folder to write to")
    arguments = parser.parse_args()
    for package in (PICTURES_PACKAGE, *ICON_PACKAGES.values(), LABELS_PACKAGE):
        if not (arguments.packages / package).is_file():
            parser.error(f"{arguments.packages} has no {package}: see the head of this file")
    labels = read_labels(arguments.packages / LABELS_PACKAGE)
    pictures: dict[Style, dict[str, bytes]] = {}
    pictures["3d"] = read_pictures(arguments.packages / PICTURES_PACKAGE, set(labels))
    for style, icons in ICON_PACKAGES.items():
        pictures[style] = read_icons(arguments.packages / icons, set(labels))
    complete = set.intersection(*(set(found) for found in pictures.values()))
    write_labels({code: label for code, label in labels.items() if code in complete}, arguments.folder)
    for style, found in pictures.items():
        write_pictures(style, {code: found[code] for code in complete}, arguments.folder)
    print(f"{len(complete)} objects in {len(pictures)} styles, in {arguments.folder}")


def _read_json(archive: tarfile.TarFile, name: str) -> Any:
    content = archive.extractfile(name)
    if content is None:
        raise FileNotFoundError(f"{archive.name!r} has no {name}")
    return json.load(content)


def _render(icon: dict[str, Any], drawings: dict[str, Any]) -> bytes:
    width, height = (icon.get(side, drawings.get(side, 16)) for side in ("width", "height"))
    box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}">{icon["body"]}</svg>'
    )
    picture = Image.open(
        io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=ICON_SIDE, skip_system_fonts=True)))
    )
    content = io.BytesIO()
    picture.save(content, "webp", quality=ICON_QUALITY, method=2)
    return content.getvalue()


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
