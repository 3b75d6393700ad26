"""The load generator's signatures. Source: Amazon S3 API reference, signature examples."""

from datetime import UTC, datetime

from loadtests.bench.endpoints import Endpoint
from loadtests.bench.signing import Signer, canonical_query

EXAMPLE = Endpoint(
    "example",
    "examplebucket.s3.amazonaws.com",
    80,
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)
SIGNER = Signer(EXAMPLE, datetime(2013, 5, 24, tzinfo=UTC))


def test_get_object_is_signed_as_in_the_reference() -> None:
    """The reference's GET of ten bytes."""
    head = SIGNER.head("GET", "/test.txt", headers={"range": "bytes=0-9"})

    assert head.startswith(b"GET /test.txt HTTP/1.1\r\nhost: examplebucket.s3.amazonaws.com\r\n")
    assert (
        b"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\r\n\r\n"
        in head
    )


def test_listing_is_signed_as_in_the_reference() -> None:
    """The reference's listing of two keys."""
    head = SIGNER.head("GET", "/", query={"max-keys": "2", "prefix": "J"})

    assert head.startswith(b"GET /?max-keys=2&prefix=J HTTP/1.1\r\n")
    assert (
        b"Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\r\n\r\n"
        in head
    )


def test_body_size_is_sent_but_not_signed() -> None:
    """A proxy may not touch the length, and need not be trusted to."""
    head = SIGNER.head("PUT", "/a b", body_size=5)

    assert head.startswith(b"PUT /a%20b HTTP/1.1\r\n")
    assert b"content-length: 5\r\n" in head
    assert b"SignedHeaders=host;x-amz-content-sha256;x-amz-date," in head


def test_query_is_sorted_as_it_is_quoted() -> None:
    """Slashes and blanks are quoted, empty values keep their sign."""
    assert canonical_query({"uploads": "", "prefix": "a/b c~"}) == "prefix=a%2Fb%20c~&uploads="
