"""Heads of requests."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.net.http.request_head import RefusedHeadError, RequestHead, parse_request_head

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789-_!#$%&'*+.^`|~", min_size=1)
VALUE = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40
).map(str.strip)
SPECIAL = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade"}
)


def parse(*lines: str, line: str = "GET /a?b=c HTTP/1.1") -> RequestHead:
    """The head of these lines."""
    return parse_request_head("\r\n".join([line, *lines, "", ""]).encode("latin-1"))


@given(headers=st.lists(st.tuples(TOKEN, VALUE), max_size=8))
def test_headers_come_as_they_were_sent(headers: list[tuple[str, str]]) -> None:
    """In order, names in lower case, values without the blanks around them."""
    headers = [(name, value) for name, value in headers if name.lower() not in SPECIAL]

    head = parse("Host: x", *[f"{name}: {value}" for name, value in headers])

    assert head.headers[1:] == [
        (name.lower().encode(), value.strip(" \t").encode("latin-1")) for name, value in headers
    ]


def test_what_matters_to_the_server_is_read() -> None:
    """Method, target, length, and whether the client waits to be asked."""
    head = parse(
        "Host: x", "Content-Length: 17", "Expect: 100-Continue", line="PUT /b/k?x HTTP/1.1"
    )

    assert (head.method, head.target, head.content_length) == ("PUT", b"/b/k?x", 17)
    assert head.awaits_continue
    assert head.has_body
    assert head.keeps_alive
    assert not head.is_chunked


@pytest.mark.parametrize(
    ("line", "header", "keeps_alive"),
    [
        ("GET / HTTP/1.1", "X: y", True),
        ("GET / HTTP/1.1", "Connection: close", False),
        ("GET / HTTP/1.0", "X: y", False),
        ("GET / HTTP/1.0", "Connection: keep-alive", True),
    ],
)
def test_the_client_says_whether_it_goes_on(line: str, header: str, *, keeps_alive: bool) -> None:
    """In HTTP/1.1 unless it says otherwise, in HTTP/1.0 only if it says so."""
    assert parse("Host: x", header, line=line).keeps_alive is keeps_alive


def test_an_upgrade_is_not_taken_up() -> None:
    """Some clients offer one with every request."""
    head = parse("Host: x", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 3")

    assert (head.target, head.content_length) == (b"/a?b=c", 3)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://host/a?b", b"/a?b"),
        ("http://host", b"/"),
        ("http://host:80/a", b"/a"),
        ("*", b"*"),
    ],
)
def test_an_absolute_target_is_a_path_as_well(target: str, expected: bytes) -> None:
    """As proxies are sent it."""
    assert parse("Host: x", line=f"OPTIONS {target} HTTP/1.1").target == expected


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET / HTTP/1.1", ["X: y"], 400),
        ("GET / HTTP/1.1", ["Host: x", "Host: y"], 400),
        ("GET / HTTP/1.1", ["Host: x", "A : b"], 400),
        ("GET / HTTP/1.1", ["Host: x", "A: b", " c"], 400),
        ("GET / HTTP/1.1", ["Host: x", "A: \0"], 400),
        ("GET / HTTP/1.1", ["Host: x", "A: b\nC: d"], 400),
        ("PUT / HTTP/1.1", ["Host: x", "Content-Length: 1", "Content-Length: 1"], 400),
        ("PUT / HTTP/1.1", ["Host: x", "Content-Length: -1"], 400),
        ("PUT / HTTP/1.1", ["Host: x", "Content-Length: 1x"], 400),
        ("PUT / HTTP/1.1", ["Host: x", f"Content-Length: {10**30}"], 400),
        ("PUT / HTTP/1.1", ["Host: x", "Content-Length: 1", "Transfer-Encoding: chunked"], 400),
        ("PUT / HTTP/1.1", ["Host: x", "Transfer-Encoding: chunked, gzip"], 400),
        ("PUT / HTTP/1.1", ["Host: x", "Transfer-Encoding: gzip, chunked"], 501),
        ("GET a HTTP/1.1", ["Host: x"], 400),
        ("CONNECT host:1 HTTP/1.1", ["Host: x"], 400),
        ("GET /a b HTTP/1.1", ["Host: x"], 400),
        ("BREW / HTTP/1.1", ["Host: x"], 501),
        ("GET / HTTP/2.0", ["Host: x"], 505),
        ("GET /", [], 505),
        ("PRI * HTTP/2.0", [], 505),
        ("", ["Host: x"], 501),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    line: str, headers: list[str], status: int
) -> None:
    """And what isn't done here."""
    with pytest.raises(RefusedHeadError) as refused:
        parse(*headers, line=line)

    assert refused.value.status is HTTPStatus(status)
    assert refused.value.reason.endswith(".")


@given(data=st.binary(max_size=200))
def test_anything_else_is_refused_or_understood(data: bytes) -> None:
    """Nothing else is raised, whatever comes."""
    try:
        head = parse_request_head(data + b"\r\n\r\n")
    except RefusedHeadError:
        return
    assert head.method
