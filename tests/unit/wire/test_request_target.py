"""Bucket, key and parameters. Source: S3 User Guide, "Virtual hosting"."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import InvalidArgument, InvalidURI, KeyTooLongError, S3Error
from rucket.wire.percent_encoding import uri_encode
from rucket.wire.request_target import PARAMETERS_MAX, parse_query, resolve_target

DOMAINS = ("s3.localhost", "example.com", "s3.example.com")


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("127.0.0.1:9000", b"/", None, None),
        ("127.0.0.1:9000", b"/bucket", "bucket", None),
        ("127.0.0.1:9000", b"/bucket/", "bucket", None),
        ("127.0.0.1:9000", b"/bucket/a/b", "bucket", "a/b"),
        ("127.0.0.1:9000", b"/bucket//a/../b/", "bucket", "/a/../b/"),
        ("127.0.0.1:9000", b"/bucket/a%2Fb%25%20+", "bucket", "a/b% +"),
        ("127.0.0.1:9000", b"/bucket/%C3%A9", "bucket", "é"),
        ("127.0.0.1:9000", b"/bucket/%20", "bucket", " "),
        ("[::1]:9000", b"/bucket/key", "bucket", "key"),
        ("[::1]", b"/bucket/key", "bucket", "key"),
        ("", b"/bucket/key", "bucket", "key"),
        ("s3.localhost:9000", b"/bucket/key", "bucket", "key"),
        ("other.org", b"/bucket/key", "bucket", "key"),
        ("nots3.localhost", b"/bucket/key", "bucket", "key"),
    ],
)
def test_path_style(host: str, path: bytes, bucket: str | None, key: str | None) -> None:
    """Any host that isn't below one of the domains leaves the bucket to the path."""
    target = resolve_target(host, path, DOMAINS)

    assert (target.bucket, target.key, target.is_virtual_host) == (bucket, key, False)


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("bucket.s3.localhost", b"/", "bucket", None),
        ("bucket.s3.localhost:9000", b"/key", "bucket", "key"),
        ("Bucket.S3.LocalHost.", b"/a/b", "bucket", "a/b"),
        ("my.dotted.bucket.s3.localhost", b"//a", "my.dotted.bucket", "/a"),
        ("bucket.s3.example.com", b"/key", "bucket", "key"),
        ("bucket.example.com", b"/key", "bucket", "key"),
    ],
)
def test_virtual_host_style(host: str, path: bytes, bucket: str, key: str | None) -> None:
    """The labels in front of the longest matching domain are the bucket."""
    target = resolve_target(host, path, DOMAINS)

    assert (target.bucket, target.key, target.is_virtual_host) == (bucket, key, True)


@pytest.mark.parametrize("path", [b"", b"*", b"bucket", b"//key", b"/bucket/%ff", b"/bucket/%2"])
def test_what_is_no_path_is_refused(path: bytes) -> None:
    """InvalidURI, as S3 answers."""
    with pytest.raises(InvalidURI):
        resolve_target("127.0.0.1", path, DOMAINS)


def test_key_has_at_most_1024_bytes() -> None:
    """Counted as UTF-8, not as characters."""
    longest = b"/b/" + uri_encode("é".encode() * 512).encode()

    assert resolve_target("h", longest, ()).key == "é" * 512
    with pytest.raises(KeyTooLongError):
        resolve_target("h", longest + b"x", ())


@given(st.text(min_size=1, max_size=256))
def test_any_key_comes_back(key: str) -> None:
    """Whatever Unicode a key is made of."""
    raw = uri_encode(key.encode(), keep_slash=True).encode()

    assert resolve_target("127.0.0.1", b"/bucket/" + raw, DOMAINS).key == key
    assert resolve_target("bucket.s3.localhost", b"/" + raw, DOMAINS).key == key


@given(st.text(), st.binary(), st.binary())
def test_arbitrary_targets_only_raise_s3_errors(host: str, path: bytes, query: bytes) -> None:
    """Whatever a request line holds, the answer is an S3 error or a target."""
    for name in (host, host + ".s3.localhost"):
        with contextlib.suppress(S3Error):
            resolve_target(name, path, DOMAINS)
        with contextlib.suppress(S3Error):
            resolve_target(name, b"/" + path, DOMAINS)
    with contextlib.suppress(S3Error):
        parse_query(query)


def test_parameters_keep_their_order_and_emptiness() -> None:
    """A name without a value is there, with an empty one."""
    parameters = parse_query(b"uploads&prefix=a%20b+c&&empty=&prefix=d&x=1=2")

    assert list(parameters) == [
        ("uploads", ""),
        ("prefix", "a b+c"),
        ("empty", ""),
        ("prefix", "d"),
        ("x", "1=2"),
    ]
    assert "uploads" in parameters
    assert parameters.get("uploads") == ""
    assert parameters.get("versions") is None
    assert "versions" not in parameters
    assert len(parse_query(b"")) == 0


def test_repeated_parameter() -> None:
    """The first value counts, all can be had, and a caller can insist on one."""
    parameters = parse_query(b"a=1&a=2&b=3")

    assert parameters.get("a") == "1"
    assert parameters.get_all("a") == ["1", "2"]
    assert parameters.single("b") == "3"
    assert parameters.single("c") is None
    with pytest.raises(InvalidArgument):
        parameters.single("a")


def test_number_of_parameters_is_bounded() -> None:
    """More than anybody needs is InvalidURI."""
    assert len(parse_query(b"&".join([b"a=1"] * PARAMETERS_MAX))) == PARAMETERS_MAX
    with pytest.raises(InvalidURI):
        parse_query(b"&".join([b"a=1"] * (PARAMETERS_MAX + 1)))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=8))
def test_any_parameters_come_back(pairs: list[tuple[str, str]]) -> None:
    """Encoded names and values survive, in order."""
    raw = "&".join(f"{uri_encode(n.encode())}={uri_encode(v.encode())}" for n, v in pairs)

    assert list(parse_query(raw.encode())) == pairs
