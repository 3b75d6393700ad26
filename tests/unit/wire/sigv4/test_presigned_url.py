"""Presigned URLs. Source: S3 API Reference, "Using Query Parameters"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import S3Error
from rucket.wire.percent_encoding import uri_encode
from rucket.wire.sigv4 import authentication, presigned_url
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.sigv4.payload_hash import PayloadKind
from rucket.wire.sigv4.signer import SigningCredentials, presign_query
from tests.unit.wire.sigv4 import vectors

CREDENTIALS = SigningCredentials(vectors.ACCESS_KEY_ID, vectors.SECRET_ACCESS_KEY)
QUERY = vectors.PRESIGNED_GET.raw_query


def request_with(raw_query: bytes, **headers: str) -> SignedRequest:
    """The published example with another query."""
    return SignedRequest("GET", b"/test.txt", raw_query, {"host": vectors.HOST, **headers})


def refusal(request: SignedRequest, now_ms: int = vectors.NOW_MS) -> S3Error:
    """The error with which a request is refused in either step."""
    with pytest.raises(S3Error) as caught:
        accept(request, now_ms)
    return caught.value


def accept(request: SignedRequest, now_ms: int = vectors.NOW_MS) -> None:
    """Both steps."""
    parsed = presigned_url.parse(request, "eu-west-3")
    presigned_url.verify(request, parsed, vectors.SECRET_ACCESS_KEY, now_ms)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"X-Amz-Algorithm=AWS4-HMAC-SHA256", b"X-Amz-Algorithm=AWS4-HMAC-SHA1"),
        (b"X-Amz-Date=20130524T000000Z", b"X-Amz-Date=today"),
        (b"&X-Amz-Date=20130524T000000Z", b""),
        (b"X-Amz-Date=20130524", b"X-Amz-Date=20130523"),
        (b"X-Amz-Expires=86400", b"X-Amz-Expires=soon"),
        (b"X-Amz-Expires=86400", b"X-Amz-Expires=-7"),
        (b"X-Amz-Expires=86400", b"X-Amz-Expires=604801"),
        (b"X-Amz-Expires=86400", b"X-Amz-Expires=86400&X-Amz-Expires=86400"),
        (b"us-east-1", b"mars-1"),
        (b"%2Fs3%2F", b"%2Fsns%2F"),
        (b"AKIAIOSFODNN7EXAMPLE%2F20130524%2F", b""),
        (b"X-Amz-SignedHeaders=host", b"X-Amz-SignedHeaders=host;host"),
    ],
    ids=[
        "algorithm",
        "unreadable_date",
        "no_date",
        "another_day_than_the_scope",
        "expires_is_no_number",
        "expires_is_negative",
        "expires_after_more_than_a_week",
        "given_twice",
        "region",
        "service",
        "credential",
        "header_signed_twice",
    ],
)
def test_malformed_parameter_is_refused(old: bytes, new: bytes) -> None:
    """Each mistake in the parameters is AuthorizationQueryParametersError."""
    error = refusal(request_with(QUERY.replace(old, new)))

    assert error.code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize(
    ("seconds_later", "code"),
    [(86_401, "AccessDenied"), (-901, "AccessDenied")],
    ids=["expired", "not_valid_yet"],
)
def test_url_outside_its_time_is_refused(seconds_later: int, code: str) -> None:
    """A URL is good from its date until it expires."""
    error = refusal(vectors.PRESIGNED_GET, vectors.NOW_MS + seconds_later * 1000)

    assert error.code == code


def test_url_is_good_until_its_last_second() -> None:
    """The lifetime counts from the date of the URL."""
    parsed = presigned_url.parse(vectors.PRESIGNED_GET, vectors.REGION)

    presigned_url.verify(
        vectors.PRESIGNED_GET, parsed, vectors.SECRET_ACCESS_KEY, vectors.NOW_MS + 86_400_000
    )


def test_lifetime_of_zero_has_expired() -> None:
    """S3 takes 0 as a lifetime, and it is over at once."""
    error = refusal(request_with(QUERY.replace(b"86400", b"0")))

    assert error.code == "AccessDenied"
    assert error.message == "Request has expired"


def test_unsigned_header_that_matters_is_refused() -> None:
    """Who got a URL can't add an ACL to it."""
    error = refusal(request_with(QUERY, **{"x-amz-acl": "public-read"}))

    assert error.code == "AccessDenied"
    assert error.details["HeadersNotSigned"] == "x-amz-acl"


def test_security_token_is_handed_on() -> None:
    """Temporary credentials bring a token, which is signed like everything else."""
    parsed = presigned_url.parse(
        request_with(QUERY + b"&X-Amz-Security-Token=t%2Fo%2Bk"), vectors.REGION
    )

    assert parsed.security_token == "t/o+k"


def test_declared_payload_is_taken_from_the_query() -> None:
    """A URL may promise a body."""
    digest = vectors.PUT_SHA256.encode()
    parsed = presigned_url.parse(
        request_with(QUERY + b"&X-Amz-Content-Sha256=" + digest), vectors.REGION
    )

    assert parsed.payload.kind is PayloadKind.SHA256
    assert parsed.payload.declared == vectors.PUT_SHA256


@given(
    key=st.text(min_size=1, max_size=40),
    method=st.sampled_from(["GET", "PUT", "HEAD", "DELETE"]),
    parameters=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=3),
)
def test_own_url_is_accepted(key: str, method: str, parameters: list[tuple[str, str]]) -> None:
    """What our signer presigns, for any key and parameters, we accept."""
    path = f"/bucket/{uri_encode(key.encode(), keep_slash=True)}".encode()
    query = "&".join(
        f"{uri_encode(('p' + name).encode())}={uri_encode(value.encode())}"
        for name, value in parameters
    ).encode()
    unsigned = SignedRequest(method, path, query, {"host": "127.0.0.1:9000"})
    raw_query = presign_query(unsigned, CREDENTIALS, vectors.NOW_MS, 60)
    request = SignedRequest(method, path, raw_query, unsigned.headers)

    parsed = authentication.parse(request, "us-east-1")

    assert parsed is not None
    authentication.verify(request, parsed, vectors.SECRET_ACCESS_KEY, vectors.NOW_MS)


@given(st.binary(), st.binary(max_size=8))
def test_arbitrary_query_only_raises_s3_errors(junk: bytes, value: bytes) -> None:
    """Whatever the query holds, the answer is an S3 error."""
    for query in (junk, QUERY.replace(b"86400", value), QUERY.replace(b"20130524", value)):
        request = request_with(b"X-Amz-Signature=a&" + query)

        with pytest.raises(S3Error):
            presigned_url.parse(request, "us-east-1")


@given(st.sampled_from(range(len(QUERY))), st.integers(0, 255))
def test_any_changed_byte_of_the_query_is_refused(position: int, byte: int) -> None:
    """No byte of a presigned URL's query can be changed, case of escapes aside."""
    changed = QUERY[:position] + bytes([byte]) + QUERY[position + 1 :]
    request = request_with(changed)

    if changed.lower() == QUERY.lower() and changed.replace(b"%2f", b"%2F") == QUERY:
        return
    with pytest.raises(S3Error):
        accept(request)
