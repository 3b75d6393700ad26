"""Signing keys and declared payloads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import InvalidArgument
from rucket.wire.sigv4.payload_hash import PayloadKind, parse_payload_hash
from rucket.wire.sigv4.signing_key import signing_key


def test_published_key_is_derived() -> None:
    """The example of the AWS General Reference."""
    key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam")

    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


def test_cache_is_bounded() -> None:
    """However many credentials come by, only so many keys are remembered."""
    for number in range(3000):
        signing_key(f"secret {number}", "20120215", "us-east-1", "s3")

    info = signing_key.cache_info()
    assert info.maxsize is not None
    assert info.currsize <= info.maxsize < 3000


@pytest.mark.parametrize("kind", [kind for kind in PayloadKind if kind is not PayloadKind.SHA256])
def test_word_is_read(kind: PayloadKind) -> None:
    """Each of S3's words stands for its kind."""
    declared = parse_payload_hash(kind.value)

    assert declared.kind is kind
    assert declared.sha256 is None


@given(st.binary(min_size=32, max_size=32))
def test_digest_is_read(digest: bytes) -> None:
    """A SHA-256 is kept as it was declared."""
    declared = parse_payload_hash(digest.hex())

    assert declared.kind is PayloadKind.SHA256
    assert declared.declared == digest.hex()
    assert declared.sha256 == digest


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    """Neither a word nor a digest: InvalidArgument."""
    with pytest.raises(InvalidArgument):
        parse_payload_hash(text + "!")
