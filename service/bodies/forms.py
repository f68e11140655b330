"""Forms as requests: what stands as text or as a file in the parts of a form, by the fields of a request."""

import json
from collections.abc import Iterable, Iterator
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from service.errors import InvalidRequest
from service.requests import JobRequest, PictureFile

#: Longest text that is read as JSON; none of the fields for which it is done needs more.
MAX_JSON_CHARACTERS = 64 * 1024

#: What pages and programs write for the two.
BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}

#: The fields of a form in their order: text, or bytes of what was sent as a file.
Form = list[tuple[str, str | bytes]]


def form_values(kind: type[JobRequest], form: Form) -> dict[str, object]:
    """What the form says of each field of a request, for the request to check.

    Raises InvalidRequest for a field that is there twice, and for a file that should be text and is not.
    """
    values: dict[str, object] = {}
    for name, given in form:
        field = kind.model_fields.get(name)
        types = tuple(_members(field.annotation)) if field else ()
        value = _read(name, given, types)
        if list in types and isinstance(value, str):
            value = [*_list(values.get(name)), value]
        elif name in values:
            raise InvalidRequest(f"{name} should be given once, got more", param=name)
        values[name] = value
    return values


def decode(name: str, content: bytes) -> str:
    """The text in a part of a form. Raises InvalidRequest."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{name} should be text in UTF-8, got bytes that are none", param=name
        ) from error


def _read(name: str, given: str | bytes, types: Iterable[object]) -> object:
    if PictureFile in types:
        return PictureFile(given) if isinstance(given, bytes) else _as_reference(given)
    text = given if isinstance(given, str) else decode(name, given)
    if any(map(_is_text, types)):
        return text
    return BOOLEANS.get(text.lower(), text) if bool in types else _as_json(text)


def _as_reference(text: str) -> object:
    return _as_json(text) if text.lstrip().startswith("{") else text


def _as_json(text: str) -> object:
    """The value if the text is JSON, else the text, which the field then refuses."""
    try:
        return json.loads(text) if len(text) <= MAX_JSON_CHARACTERS else text
    except (ValueError, RecursionError):
        return text


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _members(annotation: Any) -> Iterator[object]:
    """The types that a value may have; of a literal, its values."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    elif origin is Literal:
        yield from get_args(annotation)
    else:
        yield origin or annotation


def _is_text(member: object) -> bool:
    return member is str or isinstance(member, str) or (isinstance(member, type) and issubclass(member, Enum))
