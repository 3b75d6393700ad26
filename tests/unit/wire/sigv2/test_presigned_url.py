"""Signed URLs of Signature Version 2. Source: S3 User Guide, "RESTAuthentication"."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import S3Error
from rucket.wire import routing
from rucket.wire.sigv2 import authentication
from rucket.wire.sigv2.string_to_sign import URL_SIGNED_PARAMETERS
from rucket.wire.sigv4.canonical_request import SignedRequest
from tests.unit.wire.sigv2 import vectors

QUERY = vectors.URL.raw_query


def request_with(raw_query: bytes, **headers: str) -> SignedRequest:
    """The published example with another query; underscores stand for dashes."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return SignedRequest("GET", b"/photos/puppy.jpg", raw_query, {**vectors.URL.headers, **changed})


def refusal(request: SignedRequest, now_ms: int = vectors.URL_EXPIRES_MS) -> S3Error:
    """The error with which a request is refused in either step."""
    with pytest.raises(S3Error) as caught:
        accept(request, now_ms)
    return caught.value


def accept(request: SignedRequest, now_ms: int = vectors.URL_EXPIRES_MS) -> None:
    """Both steps."""
    parsed = authentication.parse(request)
    authentication.verify(request, parsed, vectors.SECRET_ACCESS_KEY, "johnsmith", now_ms)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"&Expires=1175139620", b""),
        (b"Expires=1175139620", b"Expires="),
        (b"Expires=1175139620", b"Expires=tomorrow"),
        (b"Expires=1175139620", b"Expires=-1175139620"),
        (b"Expires=1175139620", b"Expires=1175139620.5"),
        (b"Expires=1175139620", b"Expires=" + b"9" * 5000),
        (b"Expires=1175139620", b"Expires=1175139620&Expires=9999999999"),
        (b"Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&", b""),
        (b"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE", b"AWSAccessKeyId="),
    ],
    ids=[
        "no_expires",
        "empty_expires",
        "expires_is_no_number",
        "before_1970",
        "fraction",
        "endless_number",
        "given_twice",
        "no_signature",
        "no_access_key",
    ],
)
def test_malformed_parameter_is_refused(old: bytes, new: bytes) -> None:
    """Each mistake in the parameters is AccessDenied, and not an anonymous request."""
    request = request_with(QUERY.replace(old, new))

    assert authentication.is_claimed(request)
    assert refusal(request).code == "AccessDenied"


def test_expired_url_is_refused() -> None:
    """After its moment the URL is worth nothing, and the answer says when that was."""
    error = refusal(vectors.URL, vectors.URL_EXPIRES_MS + 1)

    assert (error.code, error.message) == ("AccessDenied", "Request has expired")
    assert error.details["Expires"] == "2007-03-29T03:40:20.000Z"


def test_later_expiry_is_refused() -> None:
    """Nobody can make a URL good for longer."""
    error = refusal(request_with(QUERY.replace(b"1175139620", b"1175139621")))

    assert error.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("subresource", sorted(URL_SIGNED_PARAMETERS))
def test_subresource_cannot_be_added(subresource: str) -> None:
    """Who got a URL can't make another operation of it, nor hide the name by escapes."""
    disguised = "".join(f"%{byte:02X}" for byte in subresource.encode())

    for name in (subresource, f"{subresource}=", disguised):
        error = refusal(request_with(QUERY + f"&{name}".encode()))
        assert error.code == "SignatureDoesNotMatch"


def test_all_that_makes_another_operation_is_signed() -> None:
    """Every subresource that routing knows is signed, but for the version of a listing."""
    known = frozenset().union(*routing._SUBRESOURCES.values())

    assert known - URL_SIGNED_PARAMETERS == {"list-type"}


def test_other_parameters_are_not_signed() -> None:
    """The parameters of a listing, and what anybody appends, are free."""
    accept(request_with(b"prefix=a&" + QUERY + b"&max-keys=3&utm_source=mail"))


@pytest.mark.parametrize(
    "header", [{"x_amz_acl": "public-read"}, {"content_type": "text/html"}, {"content_md5": "x"}]
)
def test_header_cannot_be_added(header: dict[str, str]) -> None:
    """Nor can who got it send a header that was not signed."""
    assert refusal(request_with(QUERY, **header)).code == "SignatureDoesNotMatch"


def test_date_headers_do_not_matter() -> None:
    """A URL has no date of signing, only one of expiry."""
    accept(request_with(QUERY, date="yesterday"))


def test_signature_of_a_header_is_none_of_a_url() -> None:
    """What was signed for a header can't be turned into a URL."""
    example = vectors.GET_OBJECT
    query = (
        f"AWSAccessKeyId={vectors.ACCESS_KEY_ID}&Signature={quote(example.signature)}"
        f"&Expires={quote(example.headers['date'])}"
    )

    error = refusal(request_with(query.encode()), example.now_ms)

    assert error.code == "AccessDenied"


@pytest.mark.parametrize("query", [b"", b"prefix=AWSAccessKeyId%3D", b"xAWSAccessKeyId=a", b"acl"])
def test_other_queries_are_not_claims(query: bytes) -> None:
    """A name that only looks like it claims nothing."""
    assert not authentication.is_claimed(request_with(query))


def test_two_ways_of_signing_are_refused() -> None:
    """Parameters of both versions leave it open who is meant."""
    assert refusal(request_with(QUERY + b"&X-Amz-Signature=a")).code == "InvalidArgument"


@pytest.mark.parametrize("name", ["x-amz-security-token", "X-Amz-Security-Token"])
def test_security_token_is_handed_on(name: str) -> None:
    """Clients write it into the query."""
    parsed = authentication.parse(request_with(QUERY + f"&{name}=t%2Fo".encode()))

    assert parsed.security_token == "t/o"


@given(st.binary(), st.binary(max_size=14))
def test_arbitrary_query_only_raises_s3_errors(junk: bytes, value: bytes) -> None:
    """Whatever the query holds, the answer is an S3 error."""
    refusal(request_with(b"AWSAccessKeyId=a&Signature=b&Expires=" + value))
    refusal(request_with(b"AWSAccessKeyId=a&Signature=b&Expires=1&" + junk))
