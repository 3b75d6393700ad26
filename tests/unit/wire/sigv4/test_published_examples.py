"""The examples of the S3 API Reference. Source: see ``vectors``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import S3Error
from rucket.wire.sigv4 import authentication
from rucket.wire.sigv4.chunked_payload import ChunkedPayloadDecoder
from rucket.wire.sigv4.payload_hash import PayloadKind
from tests.unit.wire.sigv4 import vectors

if TYPE_CHECKING:
    from rucket.wire.sigv4.canonical_request import SignedRequest
    from rucket.wire.sigv4.signature import SigningContext

EXAMPLES = {
    "get_object": vectors.GET_OBJECT,
    "put_object": vectors.PUT_OBJECT,
    "get_lifecycle": vectors.GET_LIFECYCLE,
    "list_objects": vectors.LIST_OBJECTS,
    "presigned_get": vectors.PRESIGNED_GET,
    "chunked_put": vectors.CHUNKED_PUT,
    "trailer_put": vectors.TRAILER_PUT,
}


def verified(request: SignedRequest) -> SigningContext:
    """Both steps of the verification."""
    parsed = authentication.parse(request, vectors.REGION)
    assert parsed is not None
    assert parsed.access_key_id == vectors.ACCESS_KEY_ID
    return authentication.verify(request, parsed, vectors.SECRET_ACCESS_KEY, vectors.NOW_MS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_published_signature_is_accepted(name: str) -> None:
    """Every example's signature is the one we compute."""
    context = verified(EXAMPLES[name])

    assert context.scope == "20130524/us-east-1/s3/aws4_request"


@pytest.mark.parametrize("name", EXAMPLES)
def test_published_signature_needs_its_secret(name: str) -> None:
    """With another secret no example is accepted."""
    request = EXAMPLES[name]
    parsed = authentication.parse(request, vectors.REGION)
    assert parsed is not None

    with pytest.raises(S3Error) as caught:
        authentication.verify(request, parsed, "another secret", vectors.NOW_MS)

    assert caught.value.code == "SignatureDoesNotMatch"


def test_published_chunk_signatures_are_accepted() -> None:
    """The 66,560 bytes in three signed chunks decode to themselves."""
    decoder = ChunkedPayloadDecoder(verified(vectors.CHUNKED_PUT), 66_560)

    payload = b"".join(decoder.feed(vectors.CHUNKED_BODY))

    assert payload == b"a" * 66_560
    assert decoder.finish() == {}


def test_published_trailer_signature_is_accepted() -> None:
    """The example with a signed CRC32C trailer gives the trailer back."""
    context = verified(vectors.TRAILER_PUT)
    decoder = ChunkedPayloadDecoder(context, 66_560, frozenset({"x-amz-checksum-crc32c"}))

    payload = b"".join(decoder.feed(vectors.TRAILER_BODY))

    assert context.payload.kind is PayloadKind.STREAMING_SIGNED_TRAILER
    assert payload == b"a" * 66_560
    assert decoder.finish() == {"x-amz-checksum-crc32c": "sOO8/Q=="}
