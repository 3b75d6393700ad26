"""The examples of the S3 User Guide. Source: see ``vectors``."""

from __future__ import annotations

import pytest

from rucket.model.errors import S3Error
from rucket.wire.sigv2 import authentication
from rucket.wire.sigv2.string_to_sign import SIGNED_PARAMETERS, strings_to_sign
from tests.unit.wire.sigv2 import vectors

EXAMPLES = {
    "get_object": vectors.GET_OBJECT,
    "put_object": vectors.PUT_OBJECT,
    "list_objects": vectors.LIST_OBJECTS,
    "get_acl": vectors.GET_ACL,
    "delete_object_by_x_amz_date": vectors.DELETE_OBJECT,
    "upload_with_repeated_metadata": vectors.UPLOAD,
    "list_buckets": vectors.LIST_BUCKETS,
    "unicode_key": vectors.UNICODE_KEY,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_published_string_is_signed(name: str) -> None:
    """The string to sign is the guide's, byte by byte."""
    example = EXAMPLES[name]
    parsed = authentication.parse(example.request)

    text = strings_to_sign(example.request, parsed.date, example.bucket_of_host, SIGNED_PARAMETERS)[
        0
    ]

    assert text == example.string_to_sign


@pytest.mark.parametrize("name", EXAMPLES)
def test_published_signature_is_accepted(name: str) -> None:
    """Every example's signature is the one we compute, and needs its secret."""
    example = EXAMPLES[name]
    request, bucket = example.request, example.bucket_of_host

    assert authentication.is_claimed(request)
    parsed = authentication.parse(request)
    assert parsed.access_key_id == vectors.ACCESS_KEY_ID
    authentication.verify(request, parsed, vectors.SECRET_ACCESS_KEY, bucket, example.now_ms)

    with pytest.raises(S3Error) as caught:
        authentication.verify(request, parsed, "another secret", bucket, example.now_ms)
    assert caught.value.code == "SignatureDoesNotMatch"
    assert caught.value.details["StringToSign"] == example.string_to_sign


def test_published_url_is_accepted() -> None:
    """The guide's signed URL is good until the very moment that it names."""
    parsed = authentication.parse(vectors.URL)

    assert authentication.is_claimed(vectors.URL)
    assert parsed.access_key_id == vectors.ACCESS_KEY_ID
    authentication.verify(
        vectors.URL, parsed, vectors.SECRET_ACCESS_KEY, "johnsmith", vectors.URL_EXPIRES_MS
    )
