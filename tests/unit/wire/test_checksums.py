"""Additional checksums. Source: S3 User Guide, "Checking object integrity"."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.checksums import ChecksumAlgorithm, ChecksumType
from rucket.model.errors import BadDigest, InvalidRequest, S3Error
from rucket.wire.checksums import (
    check_digest,
    combined_checksum,
    composite_checksum,
    encode_digest,
    header_name,
    new_hasher,
    parse_declared_checksum,
    parse_digest,
    parse_multipart_checksum,
    parse_trailer_names,
    whole_checksum,
)

CHECK_VALUES = {
    ChecksumAlgorithm.CRC32: "cbf43926",
    ChecksumAlgorithm.CRC32C: "e3069283",
    ChecksumAlgorithm.CRC64NVME: "ae8b14860a799888",
    ChecksumAlgorithm.SHA1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    ChecksumAlgorithm.SHA256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}
"""Of the nine bytes ``123456789``, as the catalogues of CRCs give them."""

ALGORITHMS = list(ChecksumAlgorithm)
CRCS = [algorithm for algorithm in ALGORITHMS if algorithm.is_crc]


def digest_of(algorithm: ChecksumAlgorithm, data: bytes) -> bytes:
    """The digest of all of ``data``."""
    hasher = new_hasher(algorithm)
    hasher.update(data)
    return hasher.digest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_check_value(algorithm: ChecksumAlgorithm) -> None:
    """Each algorithm computes its published check value."""
    digest = digest_of(algorithm, b"123456789")

    assert digest.hex() == CHECK_VALUES[algorithm]
    assert len(digest) == algorithm.digest_size_bytes


@given(st.sampled_from(ALGORITHMS), st.lists(st.binary(max_size=100), max_size=5))
def test_digest_does_not_depend_on_the_pieces(
    algorithm: ChecksumAlgorithm, pieces: list[bytes]
) -> None:
    """Bytes may arrive in any pieces, as bytes or as views."""
    hasher = new_hasher(algorithm)
    for piece in pieces:
        hasher.update(memoryview(piece))

    assert hasher.digest() == digest_of(algorithm, b"".join(pieces))


@given(st.sampled_from(CRCS), st.lists(st.binary(max_size=100), min_size=1, max_size=6))
def test_crc_of_the_whole_follows_from_the_parts(
    algorithm: ChecksumAlgorithm, parts: list[bytes]
) -> None:
    """A FULL_OBJECT checksum needs no byte of the object again."""
    combined = combined_checksum(
        algorithm, [(digest_of(algorithm, part), len(part)) for part in parts]
    )

    assert combined == whole_checksum(algorithm, digest_of(algorithm, b"".join(parts)))
    assert combined.type == "FULL_OBJECT"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_composite_is_the_checksum_of_the_checksums(algorithm: ChecksumAlgorithm) -> None:
    """With the number of parts behind it."""
    digests = [digest_of(algorithm, b"one"), digest_of(algorithm, b"two")]

    checksum = composite_checksum(algorithm, digests)

    assert checksum.value == encode_digest(digest_of(algorithm, b"".join(digests))) + "-2"
    assert checksum.type == "COMPOSITE"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_header_declares_a_digest(algorithm: ChecksumAlgorithm) -> None:
    """The value is known before the body."""
    digest = digest_of(algorithm, b"body")
    headers = {
        header_name(algorithm): base64.b64encode(digest).decode(),
        "x-amz-sdk-checksum-algorithm": algorithm.value.lower(),
        "x-amz-checksum-mode": "ENABLED",
    }

    declared = parse_declared_checksum(headers)

    assert declared is not None
    assert declared.algorithm is algorithm
    assert declared.expected_digest({}) == digest


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_trailer_declares_a_digest(algorithm: ChecksumAlgorithm) -> None:
    """The value follows the body."""
    digest = digest_of(algorithm, b"body")
    name = header_name(algorithm)
    headers = {"x-amz-trailer": f" {name.upper()} "}

    declared = parse_declared_checksum(headers)

    assert parse_trailer_names(headers) == {name}
    assert declared is not None
    assert declared.digest is None
    assert declared.expected_digest({name: base64.b64encode(digest).decode()}) == digest
    with pytest.raises(InvalidRequest):
        declared.expected_digest({})
    with pytest.raises(BadDigest):
        declared.expected_digest({name: "bad"})


def test_request_may_declare_nothing() -> None:
    """Then there is nothing to check."""
    assert parse_declared_checksum({"content-length": "3"}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-trailer": "x-amz-checksum-crc32"},
        {"x-amz-trailer": "x-amz-checksum-crc32,x-amz-checksum-sha1"},
        {"x-amz-trailer": "x-amz-meta-a"},
        {"x-amz-sdk-checksum-algorithm": "CRC32"},
        {"x-amz-sdk-checksum-algorithm": "MD5", "x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": "AAAAAA=="},
    ],
    ids=[
        "two_headers",
        "header_and_trailer",
        "two_trailers",
        "trailer_that_is_no_checksum",
        "algorithm_without_value",
        "unknown_algorithm",
        "another_algorithm",
    ],
)
def test_contradiction_is_refused(headers: dict[str, str]) -> None:
    """A request declares one checksum, or none."""
    with pytest.raises(InvalidRequest):
        parse_declared_checksum(headers)


@pytest.mark.parametrize("value", ["", "bad", "AAAA", "AAAAAAA=", "AAAAAA==x", "\xe9" * 8])
def test_value_that_is_no_digest_is_a_bad_digest(value: str) -> None:
    """It can't match any body."""
    with pytest.raises(BadDigest):
        parse_declared_checksum({"x-amz-checksum-crc32": value})


def test_difference_is_a_bad_digest() -> None:
    """What was promised has to come."""
    check_digest(ChecksumAlgorithm.CRC32, b"same", b"same")

    with pytest.raises(BadDigest):
        check_digest(ChecksumAlgorithm.CRC32, b"same", b"else")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("checksum_type", list(ChecksumType))
def test_every_combination_for_multipart(
    algorithm: ChecksumAlgorithm, checksum_type: ChecksumType
) -> None:
    """Hashes can't be combined, and CRC64NVME is of the whole only."""
    headers = {
        "x-amz-checksum-algorithm": algorithm.value,
        "x-amz-checksum-type": checksum_type.value,
    }
    is_possible = {
        ChecksumType.FULL_OBJECT: algorithm.is_crc,
        ChecksumType.COMPOSITE: algorithm is not ChecksumAlgorithm.CRC64NVME,
    }[checksum_type]

    if is_possible:
        assert parse_multipart_checksum(headers) == (algorithm, checksum_type)
    else:
        with pytest.raises(InvalidRequest):
            parse_multipart_checksum(headers)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_multipart_type_has_a_default(algorithm: ChecksumAlgorithm) -> None:
    """COMPOSITE where it is possible."""
    found = parse_multipart_checksum({"x-amz-checksum-algorithm": algorithm.value})

    is_whole = algorithm is ChecksumAlgorithm.CRC64NVME
    assert found == (
        algorithm,
        ChecksumType.FULL_OBJECT if is_whole else ChecksumType.COMPOSITE,
    )


def test_multipart_may_ask_for_nothing() -> None:
    """Without an algorithm there is no checksum, and a type alone is refused."""
    assert parse_multipart_checksum({}) is None
    with pytest.raises(InvalidRequest):
        parse_multipart_checksum({"x-amz-checksum-type": "COMPOSITE"})
    with pytest.raises(InvalidRequest):
        parse_multipart_checksum(
            {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "PARTIAL"}
        )


@given(st.sampled_from(ALGORITHMS), st.data())
def test_digest_comes_back(algorithm: ChecksumAlgorithm, data: st.DataObject) -> None:
    """base64 both ways."""
    size_bytes = algorithm.digest_size_bytes
    digest = data.draw(st.binary(min_size=size_bytes, max_size=size_bytes))

    assert parse_digest(algorithm, encode_digest(digest)) == digest


@given(st.sampled_from(ALGORITHMS), st.text())
def test_arbitrary_headers_only_raise_s3_errors(algorithm: ChecksumAlgorithm, text: str) -> None:
    """Whatever the headers hold, the answer is an S3 error or a declaration."""
    for name in (
        header_name(algorithm),
        "x-amz-trailer",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-checksum-algorithm",
    ):
        with contextlib.suppress(S3Error):
            parse_declared_checksum({name: text})
        with contextlib.suppress(S3Error):
            parse_multipart_checksum({name: text, "x-amz-checksum-type": text})
