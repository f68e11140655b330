"""The socket that a gateway listens on."""

import socket

BACKLOG = 2048


class CannotStart(Exception):
    """Something that a process needs is not there; the message is one line that says what."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises CannotStart."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotStart(f"cannot listen on {host} port {port}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotStart(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener
