"""boto3: presigned URLs. Source: Amazon S3 user guide, "Sharing objects with presigned URLs".

Without being asked boto3 still signs URLs by version 2 in us-east-1 and for endpoints of one's own.
"""

import time
import urllib.error
import urllib.request
from typing import Any

from tests.clients.file_trees import KIB, content
from tests.clients.scenarios.boto3_clients import client_with, owner_client
from tests.clients.scenarios.session import Session

KEY = "pre signed+ü.bin"
EXPIRY_TIMEOUT_S = 20


def reads_and_writes_by_urls_signed_by_default(session: Session) -> None:
    """Whoever has the URL that a plain client made can write and read that object, no other."""
    _reads_and_writes(owner_client(session), session)


def reads_and_writes_by_urls_signed_by_version_4(session: Session) -> None:
    """Whoever has the URL signed by version 4 can write and read that object, no other."""
    s3 = client_with(session, session.access_key, session.secret_key, signature_version="s3v4")
    assert "AWS4-HMAC-SHA256" in s3.generate_presigned_url("list_buckets")
    _reads_and_writes(s3, session)


def lists_and_overrides_headers_by_url(session: Session) -> None:
    """A URL can name another content type and file name for the answer, and sign a listing."""
    s3 = client_with(session, session.access_key, session.secret_key, signature_version="s3v4")
    s3.put_object(Bucket=session.bucket, Key=KEY, Body=b"bytes")
    wanted = {
        "ResponseContentType": "text/x-other",
        "ResponseContentDisposition": 'attachment; filename="other.txt"',
    }
    place = {"Bucket": session.bucket, "Key": KEY}
    url = s3.generate_presigned_url("get_object", Params={**place, **wanted})
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.headers["Content-Type"] == wanted["ResponseContentType"]
        assert answer.headers["Content-Disposition"] == wanted["ResponseContentDisposition"]

    listing = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": session.bucket})
    status, document = _attempt(listing)
    assert status == 200
    assert b"<KeyCount>1</KeyCount>" in document


def refuses_an_expired_url(session: Session) -> None:
    """A URL that was good a moment ago is refused once its time is over."""
    s3 = client_with(session, session.access_key, session.secret_key, signature_version="s3v4")
    s3.put_object(Bucket=session.bucket, Key=KEY, Body=b"bytes")
    place = {"Bucket": session.bucket, "Key": KEY}
    url = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=1)
    given_up = time.perf_counter() + EXPIRY_TIMEOUT_S
    status, document = _attempt(url)
    while status == 200 and time.perf_counter() < given_up:
        status, document = _attempt(url)

    assert status == 403
    assert b"<Code>AccessDenied</Code>" in document


def refuses_an_expired_url_signed_by_default(session: Session) -> None:
    """A URL that a plain client made for a time in the past is refused."""
    s3 = owner_client(session)
    s3.put_object(Bucket=session.bucket, Key=KEY, Body=b"bytes")
    place = {"Bucket": session.bucket, "Key": KEY}
    status, document = _attempt(
        s3.generate_presigned_url("get_object", Params=place, ExpiresIn=-60)
    )

    assert status == 403
    assert b"<Code>AccessDenied</Code>" in document


def _reads_and_writes(s3: Any, session: Session) -> None:
    data = content("presigned", 50 * KIB)
    place = {"Bucket": session.bucket, "Key": KEY}
    typed = {**place, "ContentType": "application/x-thing"}
    put_url = s3.generate_presigned_url("put_object", Params=typed, ExpiresIn=60)
    get_url = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
    headers = {"Content-Type": "application/x-thing"}

    assert _attempt(put_url, method="PUT", data=data, headers=headers) == (200, b"")
    assert _attempt(get_url) == (200, data)
    status, document = _attempt(get_url.replace("/pre%20signed", "/pro%20signed"))
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in document
    status, document = _attempt(get_url, method="PUT", data=b"other", headers=headers)
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in document
    assert s3.get_object(**place)["Body"].read() == data


def _attempt(url: str, **options: Any) -> tuple[int, bytes]:
    request = urllib.request.Request(url, **options)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
