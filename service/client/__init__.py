"""A client of the HTTP interface for Python programs; docs/client.md shows how it is used."""

from service.client.errors import UNREACHED, ClientError
from service.client.events import ServerEvent, parse_events
from service.client.kandinsky import Kandinsky

__all__ = ["UNREACHED", "ClientError", "Kandinsky", "ServerEvent", "parse_events"]
