"""Which addresses callers may have reached."""

import socket

import pytest
from pydantic import ValidationError

from worker.jobs.addresses import Guard
from worker.jobs.errors import AddressRefused, HostUnknown
from worker.jobs.settings import JobSettings

PUBLIC = Guard()


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "0x7f000001",
        "2130706433",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.9",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::8.8.8.8]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::808:808]",
        "[64:ff9b:1::808:808]",
        "[2001::1]",
        "[2001:db8::1]",
        "[2002:808:808::1]",
        "[3fff::1]",
        "[fc00::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fec0::1]",
        "[ff02::1]",
        "localhost",
        "LocalHost.",
        "a.localhost",
    ],
)
def test_what_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match="not a public address"):
        PUBLIC.check_url(f"https://{host}:8443/hook")


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "example.com", "example.com.", "пример.рф"])
def test_what_is_public_or_a_name_passes(host: str) -> None:
    PUBLIC.check_url(f"http://{host}/hook?a=b")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "starts with 'ftp'; it should be http:// or https://"),
        ("//example.com/", "starts with ''"),
        ("example.com", "starts with ''"),
        ("", "starts with ''"),
        ("file:///etc/passwd", "starts with 'file'"),
        ("https://", "names no host"),
        ("https://user@example.com/", "has a user or a password in it"),
        ("https://:secret@example.com/", "has a user or a password in it"),
        ("https://example.com:70000/", "names port 70000, which is not from 1 to 65535"),
        ("https://example.com:0/", "names port 0"),
        ("https://exa\nmple.com/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
        ("https://example.com/" + "a" * 2048, "has 2068 characters; the limit is 2048"),
    ],
)
def test_what_is_no_address_is_refused(url: str, reason: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        PUBLIC.check_url(url)
    assert reason in str(refused.value)


def test_a_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(AddressRefused) as refused:
        PUBLIC.check_url("https://me:secret@example.com/")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://10.1.2.3/", "http://[fd00::7]:80/"])
def test_the_operator_may_allow_networks(url: str) -> None:
    Guard.of("10.1.0.0/16, fd00::/8").check_url(url)


def test_the_others_stay_refused() -> None:
    with pytest.raises(AddressRefused):
        Guard.of("10.1.0.0/16,fd00::/8").check_url("http://10.2.0.0/")


def test_a_wrong_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDINSKY_ALLOWED_NETWORKS", "10.0.0.0/8,10.0.0.1/8")
    with pytest.raises(ValidationError, match=r"allowed_networks[^$]*10\.0\.0\.1/8 has host bits set"):
        JobSettings()


def lead(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead to these addresses, as a name server may that is not ours."""

    def getaddrinfo(host: str, port: int, *hints: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


async def test_a_name_is_refused_for_what_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, "10.0.0.1", "::1")
    with pytest.raises(AddressRefused, match=r"is at hooks\.example, which has no public address") as refused:
        await PUBLIC.resolve("hooks.example", 443)
    assert "10.0.0.1" not in str(refused.value)


async def test_of_several_addresses_the_public_ones_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, "10.0.0.1", "8.8.8.8", "fe80::1", "8.8.8.8", "2606:4700::1111")
    assert await PUBLIC.resolve("hooks.example", 443) == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "a..example"])
async def test_a_name_that_leads_nowhere(host: str) -> None:
    with pytest.raises(HostUnknown):
        await PUBLIC.resolve(host, 443)
