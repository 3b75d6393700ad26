"""The Authorization header. Source: S3 API Reference, "Using the Authorization Header"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import S3Error
from rucket.wire.sigv4 import authentication, header_auth
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.sigv4.signer import SigningCredentials, sign_headers
from tests.unit.wire.sigv4 import vectors

if TYPE_CHECKING:
    from collections.abc import Mapping

CREDENTIALS = SigningCredentials(vectors.ACCESS_KEY_ID, vectors.SECRET_ACCESS_KEY)
SIGNATURE = "0" * 64
GOOD = (
    "AWS4-HMAC-SHA256 Credential=AKID/20130524/us-east-1/s3/aws4_request, "
    f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={SIGNATURE}"
)
HEADERS = {
    "host": "127.0.0.1:9000",
    "x-amz-date": "20130524T000000Z",
    "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
}


def request_with(authorization: str, **changes: str | None) -> SignedRequest:
    """A request with that header; underscores in names stand for dashes, None removes one."""
    headers = {**HEADERS, "authorization": authorization}
    for name, value in changes.items():
        headers.pop(name.replace("_", "-"), None)
        if value is not None:
            headers[name.replace("_", "-")] = value
    return SignedRequest("GET", b"/bucket/key", b"", headers)


def refusal(request: SignedRequest, region: str = "eu-west-3") -> S3Error:
    """The error with which a request is refused when it is parsed."""
    with pytest.raises(S3Error) as caught:
        authentication.parse(request, region)
    return caught.value


def authentication_error(request: SignedRequest) -> S3Error | None:
    """The error of either step, None when the request is accepted."""
    try:
        parsed = header_auth.parse(request, "us-east-1")
        header_auth.verify(request, parsed, "secret", vectors.NOW_MS)
    except S3Error as error:
        return error
    return None


def test_components_are_read() -> None:
    """Whatever the header claims can be read before the secret is known."""
    parsed = header_auth.parse(request_with(GOOD), "us-east-1")

    assert parsed.access_key_id == "AKID"
    assert parsed.scope.text == "20130524/us-east-1/s3/aws4_request"
    assert parsed.signed_headers == ("host", "x-amz-content-sha256", "x-amz-date")
    assert parsed.signature == SIGNATURE
    assert parsed.timestamp_ms == vectors.NOW_MS


@pytest.mark.parametrize(
    "authorization",
    [
        GOOD.replace(", ", ","),
        GOOD.replace(", ", " ,  "),
        "AWS4-HMAC-SHA256 Signature=" + SIGNATURE + ",SignedHeaders=host;x-amz-content-sha256;"
        "x-amz-date,Credential=a/b/c/20130524//s3/aws4_request",
    ],
    ids=["no_blanks", "many_blanks", "another_order_and_slashes_in_the_access_key"],
)
def test_spelling_variants_are_read(authorization: str) -> None:
    """Blanks and order don't matter, and an access key may hold slashes."""
    assert header_auth.parse(request_with(authorization), "us-east-1").signature == SIGNATURE


@pytest.mark.parametrize("region", ["eu-west-3", "us-east-1", ""])
def test_region_of_clients_that_know_none_is_accepted(region: str) -> None:
    """The server's own region, us-east-1 and an empty one are accepted."""
    header = GOOD.replace("us-east-1", region)

    assert header_auth.parse(request_with(header), "eu-west-3").scope.region == region


def test_many_signed_headers_are_read() -> None:
    """A list too long to be remembered is read all the same."""
    names = ";".join(f"x-amz-meta-{number}" for number in range(100))
    header = GOOD.replace("x-amz-date,", f"x-amz-date;{names},")

    assert len(header_auth.parse(request_with(header), "us-east-1").signed_headers) == 103


def test_wrong_region_names_the_right_one() -> None:
    """A client can find the region in the error."""
    error = refusal(request_with(GOOD.replace("us-east-1", "mars-1")))

    assert error.code == "AuthorizationHeaderMalformed"
    assert error.details == {"Region": "eu-west-3"}


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("AWS AKID:c2lnbmF0dXJl", "InvalidRequest"),
        ("AWS4-ECDSA-P256-SHA256 Credential=x", "InvalidRequest"),
        ("Bearer token", "InvalidArgument"),
        ("", "InvalidArgument"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=AKID/20130524", "AuthorizationHeaderMalformed"),
        (GOOD.replace("AKID/", ""), "AuthorizationHeaderMalformed"),
        (GOOD.replace("/s3/", "/iam/"), "AuthorizationHeaderMalformed"),
        (GOOD.replace("aws4_request", "aws5_request"), "AuthorizationHeaderMalformed"),
        (GOOD.replace("20130524/", "yesterday/"), "AuthorizationHeaderMalformed"),
        (GOOD.replace("20130524/", "20130525/"), "AuthorizationHeaderMalformed"),
        (GOOD.replace("SignedHeaders=", "Headers="), "AuthorizationHeaderMalformed"),
        (GOOD.replace("host;", "host;host;"), "AuthorizationHeaderMalformed"),
        (GOOD.replace("AKID", "A" * 300), "AuthorizationHeaderMalformed"),
    ],
    ids=[
        "version_2",
        "elliptic_curve",
        "another_scheme",
        "empty",
        "nothing_but_the_scheme",
        "only_a_credential",
        "no_access_key",
        "another_service",
        "another_terminator",
        "no_date",
        "another_date",
        "no_signed_headers",
        "header_signed_twice",
        "endless_access_key",
    ],
)
def test_malformed_header_is_refused(authorization: str, code: str) -> None:
    """Each mistake has S3's error code."""
    assert refusal(request_with(authorization)).code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x_amz_date": None}, "AccessDenied"),
        ({"x_amz_date": "24 May 2013"}, "AccessDenied"),
        ({"x_amz_content_sha256": None}, "InvalidRequest"),
        ({"x_amz_content_sha256": "bad"}, "InvalidArgument"),
        ({"x_amz_content_sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}, "InvalidArgument"),
        ({"host": None}, "MissingSecurityHeader"),
        ({"x_amz_acl": "public-read"}, "AccessDenied"),
    ],
    ids=[
        "no_date",
        "unreadable_date",
        "no_payload_hash",
        "bad_payload_hash",
        "unsupported_streaming",
        "no_host",
        "unsigned_header_that_matters",
    ],
)
def test_missing_header_is_refused(changes: Mapping[str, str | None], code: str) -> None:
    """Headers that a signature is worth nothing without have to be there, and signed."""
    assert refusal(request_with(GOOD, **changes)).code == code


def test_host_has_to_be_signed() -> None:
    """A signature that would hold for any host is refused."""
    error = refusal(request_with(GOOD.replace("host;", "")))

    assert error.code == "AccessDenied"
    assert error.details == {"HeadersNotSigned": "host"}


@pytest.mark.parametrize(
    "date",
    ["Fri, 24 May 2013 00:00:00 GMT", "Fri, 24 May 2013 00:00:00 -0000", "20130524T000000Z"],
)
def test_date_header_stands_in_for_x_amz_date(date: str) -> None:
    """A request that has only a Date is signed with it, in the basic format."""
    parsed = header_auth.parse(request_with(GOOD, x_amz_date=None, date=date), "us-east-1")

    assert parsed.timestamp == "20130524T000000Z"


@pytest.mark.parametrize(("skew_s", "is_accepted"), [(900, True), (-900, True), (901, False)])
def test_clocks_may_differ_by_fifteen_minutes(skew_s: int, *, is_accepted: bool) -> None:
    """Fifteen minutes are allowed in both directions, a second more isn't."""
    request = vectors.GET_OBJECT
    parsed = header_auth.parse(request, vectors.REGION)
    now_ms = vectors.NOW_MS + skew_s * 1000

    if is_accepted:
        header_auth.verify(request, parsed, vectors.SECRET_ACCESS_KEY, now_ms)
    else:
        with pytest.raises(S3Error) as caught:
            header_auth.verify(request, parsed, vectors.SECRET_ACCESS_KEY, now_ms)
        assert caught.value.code == "RequestTimeTooSkewed"


def test_mismatch_tells_what_was_signed() -> None:
    """A client's author sees the canonical request that we built."""
    request = vectors.GET_OBJECT
    parsed = header_auth.parse(request, vectors.REGION)

    with pytest.raises(S3Error) as caught:
        header_auth.verify(request, parsed, "wrong", vectors.NOW_MS)

    assert caught.value.details["CanonicalRequest"].startswith("GET\n/test.txt\n\nhost:")


def test_request_without_authentication_is_anonymous() -> None:
    """Neither a header nor a query parameter: nobody."""
    request = SignedRequest("GET", b"/bucket", b"prefix=X-Amz-Algorithm", {"host": "h"})

    assert authentication.parse(request, "us-east-1") is None


def test_version_2_query_is_refused() -> None:
    """A presigned URL of Signature Version 2 isn't taken for an anonymous request."""
    request = SignedRequest("GET", b"/b/k", b"AWSAccessKeyId=a&Signature=b&Expires=1", {"host": ""})

    assert refusal(request).code == "InvalidRequest"


def test_two_ways_of_signing_are_refused() -> None:
    """A header and a query signature together leave it open who is meant."""
    request = SignedRequest("GET", b"/b/k", b"X-Amz-Signature=a", {"authorization": GOOD})

    assert refusal(request).code == "InvalidArgument"


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_arbitrary_headers_only_raise_s3_errors(authorization: str, date: str) -> None:
    """Whatever stands in the headers, the answer is an S3 error."""
    for value in (authorization, f"AWS4-HMAC-SHA256 {authorization}"):
        request = request_with(value, x_amz_date=None, date=date)

        with pytest.raises(S3Error):
            authentication.parse(request, "us-east-1")


@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_arbitrary_signature_does_not_match(signature: str) -> None:
    """A signature of any characters is compared without an accident."""
    request = request_with(GOOD.replace(SIGNATURE, signature))

    assert authentication_error(request) is not None


def test_signed_blanks_are_collapsed() -> None:
    """Blanks around and within a signed value don't matter, as a proxy may change them."""
    request = SignedRequest("GET", b"/b", b"", {"host": "h", "x-amz-meta-a": "one two"})
    added = sign_headers(request, CREDENTIALS, vectors.NOW_MS)
    sent = SignedRequest(
        "GET", b"/b", b"", {"host": " h", "x-amz-meta-a": " one \t  two ", **added}
    )

    parsed = header_auth.parse(sent, "us-east-1")

    header_auth.verify(sent, parsed, vectors.SECRET_ACCESS_KEY, vectors.NOW_MS)
