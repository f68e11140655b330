import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from model.training import fetch
from model.training.pictures import (
    STYLES,
    PicturesMissing,
    Style,
    UnknownObject,
    common_objects,
    load_pictures,
)


def test_common_objects_have_pictures() -> None:
    pictures = load_pictures(common_objects())
    assert len(pictures) == len(common_objects()) > 100
    assert all(picture.image.mode == "RGBA" and picture.label_ru for picture in pictures)


def test_no_two_common_objects_share_a_name() -> None:
    names = [name for picture in load_pictures(common_objects()) for name in picture.names]
    assert len(names) == len(set(names))


def test_plain_apple_is_the_red_one() -> None:
    red, green = load_pictures(["red apple", "green apple"])
    assert "apple" in red.names
    assert green.names == ("green apple",)


def test_every_label_is_unique() -> None:
    labels = [picture.label for picture in load_pictures()]
    assert len(labels) == len(set(labels)) > 800


def test_every_style_has_the_same_objects() -> None:
    threes, flats, notos = (load_pictures(common_objects(), style) for style in STYLES)
    assert [p.label for p in threes] == [p.label for p in flats] == [p.label for p in notos]
    assert {p.style for p in flats} == {"flat"}
    assert threes[0].image.tobytes() != flats[0].image.tobytes()


@pytest.mark.parametrize("style", STYLES)
def test_picture_is_cut_to_its_edges(style: Style) -> None:
    (picture,) = load_pictures(["key"], style)
    assert picture.image.getchannel("A").getbbox() == (0, 0, *picture.image.size)


def test_unknown_label() -> None:
    with pytest.raises(UnknownObject, match="no picture is labelled 'gryphon'"):
        load_pictures(["red apple", "gryphon"])


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(PicturesMissing, match=r"3d\.zip is missing"):
        load_pictures(folder=tmp_path)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def test_fetch_keeps_objects_that_have_pictures(tmp_path: Path) -> None:
    image = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 255)).save(image, "webp")
    labels = [
        {"hexcode": "1F34E", "label": "red apple", "tags": ["fruit"], "group": 4, "order": 2},
        {"hexcode": "1F3C2", "label": "snowboarder", "group": 6, "order": 1, "skins": []},
        {"hexcode": "1F550", "label": "one o’clock", "group": 5, "order": 3},
    ]
    with tarfile.open(tmp_path / fetch.PICTURES_PACKAGE, "w:gz") as archive:
        for code in ("1f34e-fe0f", "1f3c2", "1f550"):
            add(archive, f"package/assets/{code}.webp", image.getvalue())
    with tarfile.open(tmp_path / fetch.LABELS_PACKAGE, "w:gz") as archive:
        for language in ("en", "ru"):
            add(archive, f"package/{language}/data.json", json.dumps(labels).encode())

    found = fetch.read_labels(tmp_path / fetch.LABELS_PACKAGE)
    fetch.write_labels(found, tmp_path)
    fetch.write_pictures("3d", fetch.read_pictures(tmp_path / fetch.PICTURES_PACKAGE, set(found)), tmp_path)

    (apple,) = load_pictures(folder=tmp_path)
    assert (apple.label, apple.names, apple.tags) == ("red apple", ("apple", "red apple"), ("fruit",))


def test_fetch_renders_drawings(tmp_path: Path) -> None:
    red = {"body": '<rect x="2" y="2" width="4" height="4" fill="#f00"/>'}
    icons = {"width": 8, "height": 8, "icons": {"apple": red}}
    with tarfile.open(tmp_path / "icons.tgz", "w:gz") as archive:
        add(archive, "package/icons.json", json.dumps(icons).encode())
        add(archive, "package/chars.json", json.dumps({"1f34e-fe0f": "apple"}).encode())
    [drawn] = fetch.read_icons(tmp_path / "icons.tgz", {"1f34e", "1f550"}).values()
    image = Image.open(io.BytesIO(drawn)).convert("RGBA")
    assert image.size == (fetch.ICON_SIDE, fetch.ICON_SIDE)
    assert image.getchannel("A").getbbox() == (64, 64, 192, 192)
    assert image.getpixel((128, 128))[0] > 240  # type: ignore[index]
