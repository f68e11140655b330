"""Styles: named templates that a prompt can be put in, kept in one file that an operator may replace."""

from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import from_json

from service.validation import describe, field_name
from worker.jobs.stages import PLACE

SHIPPED = "styles.json"
MAX_CHARACTERS = 1000


class Style(BaseModel):
    """A way to draw, whatever is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)

    name: str = Field(
        max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="For `style` in requests."
    )
    title: str = Field(min_length=1, max_length=MAX_CHARACTERS, description="For people.")
    title_ru: str = Field(min_length=1, max_length=MAX_CHARACTERS, description="For people, in Russian.")
    template: str = Field(
        max_length=MAX_CHARACTERS, description="What is drawn; the prompt takes the place of `{prompt}`."
    )
    negative_prompt: str | None = Field(
        default=None, max_length=MAX_CHARACTERS, description="Added to that of the request."
    )

    @field_validator("template")
    @classmethod
    def _check_template(cls, value: str) -> str:
        if value.count(PLACE) != 1:
            raise ValueError(f"should contain {PLACE} once")
        return value


class BadStyles(Exception):
    """The file of styles cannot be used; the message is one line that names it, the entry and the field."""


def load_styles(path: Path | None = None) -> dict[str, Style]:
    """The styles of a file, or the shipped ones, by their names and in their order. Raises BadStyles."""
    where = str(path or SHIPPED)
    source = path or files("service.planning").joinpath(SHIPPED)
    try:
        entries = from_json(source.read_bytes())
    except (OSError, ValueError) as error:
        raise BadStyles(f"the styles in {where} cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise BadStyles(f"{where} should hold a list of styles, got {type(entries).__name__}")
    styles: dict[str, Style] = {}
    for number, entry in enumerate(entries, start=1):
        style = _read(entry, f"{where}: style {number}")
        if style.name in styles:
            raise BadStyles(f"{where}: style {number} is another one called {style.name}")
        styles[style.name] = style
    return styles


def _read(entry: object, where: str) -> Style:
    try:
        return Style.model_validate(entry)
    except ValidationError as error:
        fault = error.errors()[0]
        name = entry.get("name") if isinstance(entry, dict) else None
        called = f" ({name})" if isinstance(name, str) else ""
        said = describe(field_name(fault["loc"]) or "it", fault)
        raise BadStyles(f"{where}{called}: {said}") from error
