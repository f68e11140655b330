"""Text on a picture, in the one font that comes with Pillow."""

from functools import cache

from PIL import Image, ImageDraw, ImageFont

INK, PAPER = (255, 255, 255), (0, 0, 0, 150)
#: The share of a picture's height that its text may cover.
SHARE = 0.4
SMALLEST = 6
#: The font has Latin letters only: what it writes for Cyrillic ones.
LATIN = {
    **dict(zip("абвгдеёзийклмнопрстуфыэ", "abvgdeeziyklmnoprstufye", strict=True)),
    **{"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "yu", "я": "ya"},
    **{"ъ": "", "ь": ""},
}


def write(picture: Image.Image, lines: list[str]) -> None:
    """Write lines, broken where they are too long, on a dark band along the lower edge."""
    size = max(SMALLEST, min(picture.size) // 24)
    room = max(1, int(SHARE * picture.height / (1.4 * size)))
    font = _font(size)
    broken = [part for line in lines for part in _break(readable(line), font, picture.width - 2 * size)]
    draw = ImageDraw.Draw(picture, "RGBA")
    shown = broken[:room]
    top = picture.height - int(1.4 * size * len(shown)) - size
    draw.rectangle((0, top, *picture.size), fill=PAPER)
    draw.multiline_text((size, top + size // 2), "\n".join(shown), INK, font, spacing=size * 0.2)


def readable(text: str) -> str:
    """The text in letters that the font has: Cyrillic in Latin ones, a dot for each that has none."""
    capitals = {letter.upper(): latin.capitalize() for letter, latin in LATIN.items()}
    latin = text.translate({ord(letter): latin for letter, latin in (LATIN | capitals).items()})
    return "".join(letter if letter.isprintable() and ord(letter) < 256 else "." for letter in latin)


def _break(line: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The words of a line in lines that are no wider than that, if no word is."""
    lines = [""]
    for word in line.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
