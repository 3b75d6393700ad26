"""The Authorization header of Signature Version 2. Source: S3 User Guide, "RESTAuthentication"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import S3Error
from rucket.wire.sigv2 import authentication
from rucket.wire.sigv2.signature import sign
from rucket.wire.sigv2.string_to_sign import SIGNED_PARAMETERS, strings_to_sign
from rucket.wire.sigv4.canonical_request import SignedRequest
from rucket.wire.timestamps import format_basic, format_http_date
from tests.unit.wire.sigv2 import vectors

GOOD = f"AWS {vectors.ACCESS_KEY_ID}:{vectors.GET_OBJECT.signature}"
NOW_MS = vectors.GET_OBJECT.now_ms


def request_with(authorization: str, query: str = "", **headers: str) -> SignedRequest:
    """The published GET with another header; underscores stand for dashes."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {**vectors.GET_OBJECT.headers, **changed, "authorization": authorization}
    return SignedRequest("GET", b"/photos/puppy.jpg", query.encode(), sent)


def refusal(request: SignedRequest, now_ms: int = NOW_MS) -> S3Error:
    """The error with which a request is refused in either step."""
    with pytest.raises(S3Error) as caught:
        accept(request, now_ms)
    return caught.value


def accept(request: SignedRequest, now_ms: int = NOW_MS) -> None:
    """Both steps."""
    parsed = authentication.parse(request)
    authentication.verify(request, parsed, vectors.SECRET_ACCESS_KEY, "johnsmith", now_ms)


def signed(request: SignedRequest, date: str) -> SignedRequest:
    """The request with the right signature; `date` is the line to sign."""
    text = strings_to_sign(request, date, "johnsmith", SIGNED_PARAMETERS)[0]
    signature = sign(vectors.SECRET_ACCESS_KEY, text)
    headers = {**request.headers, "authorization": f"AWS {vectors.ACCESS_KEY_ID}:{signature}"}
    return SignedRequest(request.method, request.raw_path, request.raw_query, headers)


def request_signed_as(resource: str, target: str) -> SignedRequest:
    """A GET of `target` in path style, signed as one of `resource`."""
    date = vectors.GET_OBJECT.headers["date"]
    signature = sign(vectors.SECRET_ACCESS_KEY, f"GET\n\n\n{date}\n{resource}")
    headers = {"date": date, "authorization": f"AWS {vectors.ACCESS_KEY_ID}:{signature}"}
    path, _, query = target.partition("?")
    return SignedRequest("GET", path.encode(), query.encode(), headers)


@pytest.mark.parametrize(
    "authorization",
    ["AWS", "AWS ", "AWS HAHAHA", "AWS :signature", "AWS AKID:", "AWS :"],
    ids=["scheme", "blank", "no_colon", "no_access_key", "no_signature", "nothing"],
)
def test_malformed_header_is_refused(authorization: str) -> None:
    """What isn't an access key, a colon and a signature is InvalidArgument."""
    request = request_with(authorization)

    assert authentication.is_claimed(request)
    error = refusal(request)
    assert error.code == "InvalidArgument"
    assert error.details["ArgumentValue"] == authorization


@pytest.mark.parametrize(
    "authorization", ["AWS4-HMAC-SHA256 Credential=x", "Bearer AWS x:y", "aws x:y", ""]
)
def test_other_schemes_are_not_claims(authorization: str) -> None:
    """Whatever else stands in the header is for others to judge."""
    assert not authentication.is_claimed(request_with(authorization))


@pytest.mark.parametrize(
    "headers",
    [
        {"date": ""},
        {"date": "Bad Date"},
        {"date": "Tue, 07 Jul 1950 21:53:04 GMT"},
        {"x_amz_date": ""},
        {"x_amz_date": "Bad Date"},
        {"x_amz_date": "Tue, 07 Jul 1950 21:53:04 GMT"},
    ],
    ids=lambda headers: "_".join([*headers, *headers.values()]).replace(" ", "_") or "empty",
)
def test_unreadable_date_is_refused(headers: dict[str, str]) -> None:
    """A date that is no date or lies before 1970 is AccessDenied; so is one hidden by it."""
    assert refusal(request_with(GOOD, **headers)).code == "AccessDenied"


def test_missing_date_is_refused() -> None:
    """Without a date a captured request would be good for ever."""
    request = SignedRequest("GET", b"/photos/puppy.jpg", b"", {"authorization": GOOD})

    assert refusal(request).code == "AccessDenied"


@pytest.mark.parametrize(
    "date",
    [
        "Tue, 07 Jul 2010 21:53:04 GMT",
        "Tue, 07 Jul 2030 21:53:04 GMT",
        "Tue, 07 Jul 9999 21:53:04 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
    ],
    ids=["before", "after", "far_after", "after_the_last_second"],
)
def test_another_time_is_refused(date: str) -> None:
    """More than 15 minutes away is RequestTimeTooSkewed, before the signature is looked at."""
    error = refusal(request_with(GOOD, x_amz_date=date))

    assert error.code == "RequestTimeTooSkewed"
    assert error.details["RequestTime"] == date


@pytest.mark.parametrize("minutes", [-15, 15])
def test_clocks_may_differ_a_little(minutes: int) -> None:
    """Fifteen minutes are borne, one millisecond more isn't."""
    moment_ms = NOW_MS + minutes * 60_000

    accept(vectors.GET_OBJECT.request, moment_ms)
    error = refusal(vectors.GET_OBJECT.request, moment_ms + (1 if minutes > 0 else -1))
    assert error.code == "RequestTimeTooSkewed"


@pytest.mark.parametrize("written", [format_http_date, format_basic])
def test_date_may_be_written_in_several_ways(written: object) -> None:
    """HTTP's date and ISO 8601 are dates."""
    assert callable(written)
    date = written(NOW_MS)

    accept(signed(request_with("", date=date), date))
    accept(signed(request_with("", x_amz_date=date), ""))


@pytest.mark.parametrize(
    "request_",
    [
        request_with(GOOD, content_type="text/plain"),
        request_with(GOOD, content_md5="4gJE4saaMU4BqNR0kLY+lw=="),
        request_with(GOOD, x_amz_acl="public-read"),
        request_with(GOOD, date="Tue, 27 Mar 2007 19:36:43 +0000"),
        request_with(GOOD, query="acl"),
        request_with(GOOD, query="%61cl"),
        request_with(GOOD, query="versionId="),
        request_with(GOOD, query="response-content-type=text%2Fhtml"),
        request_with(GOOD.replace("=", "")),
        request_with(GOOD + "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
    ids=[
        "content_type",
        "content_md5",
        "amz_header",
        "date",
        "subresource",
        "subresource_in_disguise",
        "version",
        "override",
        "signature_cut",
        "signature_not_ascii",
    ],
)
def test_changed_request_is_refused(request_: SignedRequest) -> None:
    """What is signed can't be added, taken away or changed."""
    assert refusal(request_).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("query", ["prefix=a", "list-type=2", "encryption", "publicAccessBlock"])
def test_parameters_that_clients_leave_unsigned_are_accepted(query: str) -> None:
    """A subresource younger than the signature comes unsigned from the owner of the secret."""
    accept(request_with(GOOD, query))


@pytest.mark.parametrize(
    ("signed_as", "sent_as"),
    [
        ("/bucket/", "/bucket"),
        ("/bucket", "/bucket/"),
        ("/bucket/?acl", "/bucket?acl"),
        ("/bucket?acl", "/bucket?acl="),
        ("/bucket/key?versionId", "/bucket/key?versionId="),
        ("/bucket/?acl", "/bucket?acl="),
    ],
)
def test_clients_may_sign_another_spelling(signed_as: str, sent_as: str) -> None:
    """botocore sends a bucket without the slash that it signs, clients in Go send more ``=``."""
    request = request_signed_as(signed_as, sent_as)

    parsed = authentication.parse(request)
    authentication.verify(request, parsed, vectors.SECRET_ACCESS_KEY, "", NOW_MS)


@pytest.mark.parametrize(
    ("signed_as", "sent_as"),
    [
        ("/bucket/key", "/bucket/key/"),
        ("/bucket/key/", "/bucket/key"),
        ("/bucket//", "/bucket/"),
        ("/", "/bucket"),
        ("/bucket", "/"),
        ("/bucket/", "/bucket?acl"),
        ("/bucket/key?versionId", "/bucket/key?versionId=1"),
    ],
)
def test_another_resource_is_no_spelling(signed_as: str, sent_as: str) -> None:
    """A slash after a key makes another key of it."""
    request = request_signed_as(signed_as, sent_as)
    parsed = authentication.parse(request)

    with pytest.raises(S3Error) as caught:
        authentication.verify(request, parsed, vectors.SECRET_ACCESS_KEY, "", NOW_MS)

    assert caught.value.code == "SignatureDoesNotMatch"


def test_bucket_of_the_host_is_signed() -> None:
    """The same path in another bucket is another request."""
    parsed = authentication.parse(vectors.GET_OBJECT.request)

    with pytest.raises(S3Error) as caught:
        authentication.verify(
            vectors.GET_OBJECT.request, parsed, vectors.SECRET_ACCESS_KEY, "other", NOW_MS
        )

    assert caught.value.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "query",
    ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Signature=a", "AWSAccessKeyId=a&Signature=b"],
)
def test_two_ways_of_signing_are_refused(query: str) -> None:
    """A header and a query signature together leave it open who is meant."""
    error = refusal(request_with(GOOD, query))

    assert error.code == "InvalidArgument"
    assert error.details["ArgumentName"] == "Authorization"


def test_header_of_version_4_goes_before_a_query_of_version_2() -> None:
    """It signs the whole query, so that nothing of it is left open."""
    request = request_with("AWS4-HMAC-SHA256 Credential=x", "AWSAccessKeyId=a&Signature=b")

    assert not authentication.is_claimed(request)


def test_security_token_is_handed_on() -> None:
    """Temporary credentials bring a token, which is signed like every such header."""
    parsed = authentication.parse(request_with(GOOD, x_amz_security_token="token"))

    assert parsed.security_token == "token"


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_arbitrary_headers_only_raise_s3_errors(authorization: str, date: str) -> None:
    """Whatever stands in the headers, the answer is an S3 error."""
    for value in (f"AWS {authorization}", f"AWS AKID:{authorization}"):
        refusal(request_with(value, date=date))
        refusal(request_with(value, x_amz_date=date))
