"""Forms of several parts, `multipart/form-data`, read piece by piece as they come."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.errors import MalformedBody

#: Most parts of a form. One that is not a picture takes little, but time to read.
MAX_PARTS = 100


@dataclass(frozen=True)
class Part:
    """One field of a form."""

    index: int
    name: str
    #: Whether it is a file, by its having the name of one.
    is_file: bool


async def read_parts(pieces: AsyncIterator[bytes], content_type: str) -> AsyncIterator[tuple[Part, bytes]]:
    """What a form holds, in pieces, each with the part that it belongs to; a part has at least one piece.

    Raises MalformedBody for what is not such a form.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise MalformedBody("the body cannot be read: its Content-Type names no boundary")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks)  # type: ignore[arg-type]
        async for piece in pieces:
            parser.write(piece)
            for found in reader.take():
                yield found
    except FormParserError as error:
        raise MalformedBody(f"the body is not a form of several parts: {error}") from error
    if not reader.is_complete:
        raise MalformedBody("the body is a form of several parts that is cut off")


@dataclass
class _Reader:
    """Collects what the parser tells of one piece of a body."""

    found: list[tuple[Part, bytes]] = field(default_factory=list)
    is_complete: bool = False
    num_parts: int = 0
    name: bytes = b""
    value: bytes = b""
    disposition: bytes = b""

    @property
    def callbacks(self) -> dict[str, object]:
        headers = ("header_field", "header_value", "header_end", "headers_finished")
        names = ("part_begin", *headers, "part_data", "end")
        return {f"on_{name}": getattr(self, f"on_{name}") for name in names}

    def take(self) -> list[tuple[Part, bytes]]:
        found, self.found = self.found, []
        return found

    def on_part_begin(self) -> None:
        self.disposition = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        if self.name.lower() == b"content-disposition":
            self.disposition = self.value
        self.name = self.value = b""

    def on_headers_finished(self) -> None:
        options = parse_options_header(self.disposition)[1]
        if b"name" not in options:
            raise MalformedBody("the body is a form of which a part has no name")
        if self.num_parts == MAX_PARTS:
            raise MalformedBody(f"the body should be a form of at most {MAX_PARTS} parts, got more")
        name = options[b"name"].decode("utf-8", "replace")
        self.part = Part(self.num_parts, name, b"filename" in options)
        self.num_parts += 1
        self.found.append((self.part, b""))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.found.append((self.part, data[start:end]))

    def on_end(self) -> None:
        self.is_complete = True
