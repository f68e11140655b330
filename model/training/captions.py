"""Captions for compositions, worded as people word prompts."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from model.training.pictures import Picture, Style

SizeWord = Literal["small", "large"]
Side = Literal["left", "right"]

#: Names that take "the", and names that take no article: plurals and stuff.
DEFINITE = frozenset({"sun", "moon"})
BARE = frozenset(
    (
        *("bacon", "bread", "broccoli", "butter", "cheese", "coffee", "cooked rice", "coral", "corn"),
        *("fire", "fog", "garlic", "ginger root", "ice", "ice cream", "planet earth", "popcorn", "salt"),
        *("shaved ice", "soap", "spaghetti", "sushi", "wood", "yarn"),
    )
)
#: Endings of singular nouns that only look like plurals: compass, bus, tennis, rhinoceros.
PLURAL_LIKE = ("ss", "us", "is", "os")

#: Shares of captions with a frame such as "a photo of ..." and with an ending such as ", 3d style".
FRAME_SHARE = 0.15
STYLE_SHARE = 0.2
ICON_SHARE = 0.03
BARE_SHARE = 0.4
SENTENCE_SHARE = 0.1

FRAMES = (
    "a photo of ",
    "a picture of ",
    "an image of ",
    "a 3d render of ",
    "an illustration of ",
    "an icon of ",
)
#: Endings that may name the style; the flat and Noto styles are always named.
STYLE_ENDINGS: dict[Style, tuple[str, ...]] = {
    "3d": (", 3d style", ", 3d render", ", 3d icon", ", emoji", ", digital art"),
    "flat": (", flat style", ", flat icon", " in flat style"),
    "noto": (", noto style", ", noto emoji", " in noto style"),
}
BACKGROUNDS = (
    " on {a_colour} background",
    " on {a_colour} background",
    ", {colour} background",
    " against {a_colour} background",
    " on {colour}",
)
PAIRS = (
    "{left} to the left of {right}",
    "{right} to the right of {left}",
    "{left} on the left and {right} on the right",
    "{left} and {right}",
    "{left} next to {right}",
)
RUSSIAN_FRAMES = ("", "", "", "фото: ", "картинка: ", "иконка: ")
RUSSIAN_PAIRS = ("слева {left}, справа {right}", "{left} слева, {right} справа", "{left} и {right}")
RUSSIAN_STYLE_ENDINGS: dict[Style, str] = {"3d": "", "flat": ", плоский стиль", "noto": ", стиль noto"}
RUSSIAN_SIZES: dict[SizeWord, str] = {"small": ", маленький размер", "large": ", крупно"}
RUSSIAN_SIDES: dict[Side, str] = {"left": " слева", "right": " справа"}


@dataclass(frozen=True)
class Colour:
    """A background colour with its English and Russian words; `rgb` in 0..255."""

    name: str
    #: As it stands in "на ... фоне".
    name_ru: str
    rgb: tuple[int, int, int]


WHITE = Colour("white", "белом", (255, 255, 255))
COLOURS = (
    WHITE,
    Colour("black", "черном", (20, 20, 22)),
    Colour("grey", "сером", (140, 140, 145)),
    Colour("red", "красном", (215, 45, 45)),
    Colour("orange", "оранжевом", (245, 145, 40)),
    Colour("yellow", "желтом", (250, 215, 65)),
    Colour("green", "зеленом", (65, 165, 80)),
    Colour("blue", "синем", (40, 85, 205)),
    Colour("light blue", "голубом", (150, 205, 245)),
    Colour("purple", "фиолетовом", (125, 65, 175)),
    Colour("pink", "розовом", (250, 160, 200)),
    Colour("brown", "коричневом", (125, 80, 50)),
)


@dataclass(frozen=True)
class Scene:
    """What a caption says: one object, or two from left to right, and what is worth naming of the rest."""

    objects: tuple[Picture, ...]
    size: SizeWord | None = None
    side: Side | None = None
    background: Colour | None = None

    @property
    def style(self) -> Style:
        """The style of all its objects."""
        return self.objects[0].style


@dataclass(frozen=True)
class Wording:
    """Shares, 0 to 1, of captions that end in tags and of captions in Russian."""

    tags: float = 0.0
    russian: float = 0.0


def write_caption(rng: Random, scene: Scene, wording: Wording) -> str:
    """One caption of `scene`, drawn from `rng`."""
    if rng.random() < wording.russian:
        return _russian(rng, scene)
    caption = _pair(rng, scene) if len(scene.objects) == 2 else _single(rng, scene)
    if scene.background is not None:
        colour = scene.background.name
        caption += rng.choice(BACKGROUNDS).format(colour=colour, a_colour=f"{_indefinite(colour)} {colour}")
    tags = scene.objects[0].tags
    if tags and rng.random() < wording.tags:
        caption += ", " + ", ".join(rng.sample(tags, min(len(tags), 2)))
    return _sentence(caption) if rng.random() < SENTENCE_SHARE else caption


def with_article(noun: str, adjective: str | None = None) -> str:
    """`noun` with its article: "an apple", "a small apple", "the sun", "cherries"."""
    phrase = f"{adjective} {noun}" if adjective else noun
    head = noun.split(" with ")[0].split(" showing ")[0]
    if head in BARE or (head.endswith("s") and not head.endswith(PLURAL_LIKE)):
        return phrase
    if noun in DEFINITE:
        return f"the {phrase}"
    return f"{_indefinite(phrase)} {phrase}"


def _indefinite(phrase: str) -> str:
    has_consonant_sound = phrase.lower().startswith(("uni", "use", "one", "eu", "ewe"))
    return "an" if phrase[0].lower() in "aeiou" and not has_consonant_sound else "a"


def _single(rng: Random, scene: Scene) -> str:
    noun = rng.choice(scene.objects[0].names)
    place = f" on the {scene.side}" if scene.side else ""
    if scene.style == "3d" and rng.random() < FRAME_SHARE:
        return rng.choice(FRAMES) + with_article(noun, scene.size) + place
    ending = _style(rng, scene.style) or (" icon" if not place and rng.random() < ICON_SHARE else "")
    if rng.random() < BARE_SHARE:
        return (f"{scene.size} {noun}" if scene.size else noun) + place + ending
    return with_article(noun, scene.size) + place + ending


def _style(rng: Random, style: Style) -> str:
    return rng.choice(STYLE_ENDINGS[style]) if style != "3d" or rng.random() < STYLE_SHARE else ""


def _pair(rng: Random, scene: Scene) -> str:
    left, right = (with_article(rng.choice(picture.names)) for picture in scene.objects)
    return rng.choice(PAIRS).format(left=left, right=right) + _style(rng, scene.style)


def _russian(rng: Random, scene: Scene) -> str:
    words = [picture.label_ru for picture in scene.objects]
    caption = rng.choice(RUSSIAN_PAIRS).format(left=words[0], right=words[1]) if len(words) == 2 else words[0]
    caption += RUSSIAN_SIDES[scene.side] if scene.side else ""
    caption += RUSSIAN_SIZES[scene.size] if scene.size else ""
    caption += RUSSIAN_STYLE_ENDINGS[scene.style]
    caption += f" на {scene.background.name_ru} фоне" if scene.background else ""
    return rng.choice(RUSSIAN_FRAMES) + caption


def _sentence(caption: str) -> str:
    return caption[0].upper() + caption[1:] + "."
