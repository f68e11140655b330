"""Requests to addresses that callers name."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.receivers import Receiver, Reply
from tests.worker.jobs.test_addresses import lead
from worker.jobs.addresses import Guard
from worker.jobs.errors import AddressRefused, FetchFailed, FetchTooLarge
from worker.jobs.outbound import fetch, open_client

LOOPBACK = Guard.of("127.0.0.0/8")
HOST = "hooks.example"


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """An event that comes only when the test is over."""
    event = threading.Event()
    yield event
    event.set()


async def test_fetch() -> None:
    with Receiver(Reply(headers={"Content-Type": "Image/PNG; a=b"}, chunks=(b"pic", b"ture"))) as receiver:
        fetched = await fetch(receiver.url, 7, LOOPBACK)
    assert (fetched.content, fetched.content_type) == (b"picture", "image/png")


async def test_too_much_is_refused_before_it_has_come(never: threading.Event) -> None:
    def endless() -> Iterator[bytes]:
        while not never.is_set():
            yield b"x" * 1000

    reply = Reply(chunks=endless())
    with Receiver(reply) as receiver:
        with pytest.raises(FetchTooLarge, match="has more than 5000 bytes"):
            await fetch(receiver.url, 5000, LOOPBACK)
        never.set()


@pytest.mark.parametrize("status", [204, 301, 404, 500])
async def test_another_status_is_a_failure(status: int) -> None:
    reply = Reply(status, {"Location": "http://127.0.0.1/"})
    failure = pytest.raises(FetchFailed, match=f"was answered with status {status}, not 200")
    with Receiver(reply) as receiver, failure:
        await fetch(receiver.url, 10, LOOPBACK)
    assert len(receiver.told) == 1


async def test_a_body_that_drips_is_given_up(never: threading.Event) -> None:
    def drip() -> Iterator[bytes]:
        while not never.wait(0.01):
            yield b"x"

    with Receiver(Reply(chunks=drip())) as receiver:
        with pytest.raises(FetchFailed, match=r"did not answer within 0\.3 s"):
            await fetch(receiver.url, 10**6, LOOPBACK, seconds=0.3)
        never.set()


async def test_nobody_listens() -> None:
    with Receiver() as receiver:
        url = receiver.url
    with pytest.raises(FetchFailed, match="could not be fetched"):
        await fetch(url, 10, LOOPBACK)


async def test_a_private_address_is_never_asked() -> None:
    with Receiver() as receiver, pytest.raises(AddressRefused, match=r"is at 127\.0\.0\.1, not a public"):
        await fetch(receiver.url, 10, Guard())
    assert receiver.told == []


async def test_a_name_that_turns_private_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, "127.0.0.1")
    with Receiver() as receiver, pytest.raises(AddressRefused, match="which has no public address"):
        await fetch(f"http://{HOST}:{receiver.port}/", 10, Guard())
    assert receiver.told == []


async def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, "127.0.0.2", "127.0.0.1")
    with Receiver() as receiver:
        await fetch(f"http://{HOST}:{receiver.port}/a?b", 10, LOOPBACK)
    [told] = receiver.told
    assert (told.path, told.headers["host"]) == ("/a?b", f"{HOST}:{receiver.port}")


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{proxy.port}")
        await fetch(receiver.url, 10, LOOPBACK)
    assert (len(proxy.told), len(receiver.told)) == (0, 1)


async def test_cookies_are_not_kept() -> None:
    with Receiver(Reply(headers={"Set-Cookie": "a=b"})) as receiver:
        async with open_client(LOOPBACK) as client:
            for _ in range(2):
                await client.post(receiver.url)
    assert [told for told in receiver.told if "cookie" in told.headers] == []


def write_certificate(folder: Path, name: str) -> Path:
    """A file of a certificate for a name, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding) + private)
    return folder / "certificate.pem"


async def ask(name: str, folder: Path) -> int:
    """The status with which a server answers that is asked for as HOST and has a certificate for `name`."""
    file = write_certificate(folder, name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    with Receiver(tls=server) as receiver:
        async with open_client(LOOPBACK, trusting) as client:
            return (await client.get(f"https://{HOST}:{receiver.port}/")).status_code


async def test_a_certificate_for_the_name_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, "127.0.0.1")
    assert await ask(HOST, tmp_path) == 200


async def test_a_certificate_for_another_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, "127.0.0.1")
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        await ask("other.example", tmp_path)
