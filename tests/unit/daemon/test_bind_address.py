"""Addresses to listen on."""

import pytest

from rucket.daemon.bind_address import BindAddress, parse_bind_address, parse_host


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9000", BindAddress("127.0.0.1", 9000)),
        ("localhost:9000", BindAddress("127.0.0.1", 9000)),
        ("0.0.0.0:1", BindAddress("0.0.0.0", 1)),
        ("[::1]:65535", BindAddress("::1", 65535)),
        ("[0:0::1]:9000", BindAddress("::1", 9000)),
    ],
    ids=["ipv4", "localhost", "any", "ipv6", "ipv6-long"],
)
def test_an_address_is_read_and_written_back(text: str, expected: BindAddress) -> None:
    """Hosts are addresses, IPv6 ones in brackets; what is written can be read again."""
    assert parse_bind_address(text) == expected
    assert parse_bind_address(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "9000", ":9000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1"),
        *("127.0.0.1:0", "127.0.0.1:65536", "::1:9000", "[::1]", "[127.0.0.1]:9000"),
        *("example.com:9000", "http://127.0.0.1:9000", "127.0.0.1:9000/", " 127.0.0.1:9000"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"."):
        parse_bind_address(text)


@pytest.mark.parametrize(
    ("host", "is_loopback", "endpoint_host"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("127.8.9.1", True, "127.8.9.1"),
        ("::1", True, "[::1]"),
        ("0.0.0.0", False, "127.0.0.1"),
        ("::", False, "[::1]"),
        ("10.1.2.3", False, "10.1.2.3"),
    ],
)
def test_who_can_reach_it(host: str, *, is_loopback: bool, endpoint_host: str) -> None:
    """Only loopback addresses are reached from this machine alone."""
    address = BindAddress(parse_host(host), 9000)

    assert address.is_loopback is is_loopback
    assert address.endpoint_host == endpoint_host
