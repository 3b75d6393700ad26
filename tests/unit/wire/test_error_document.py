"""The table of errors. Source: S3 API Reference, "Error responses"."""

from __future__ import annotations

from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import (
    NoSuchKey,
    OperationNotImplemented,
    S3Error,
    SignatureDoesNotMatch,
)
from rucket.wire.error_document import message_of, render, status_of


def all_error_classes(root: type[S3Error] = S3Error) -> list[type[S3Error]]:
    """Every class below S3Error."""
    found: list[type[S3Error]] = []
    for cls in root.__subclasses__():
        found += [cls, *all_error_classes(cls)]
    return found


@pytest.mark.parametrize("cls", all_error_classes(), ids=lambda cls: cls.__name__)
def test_table_is_total(cls: type[S3Error]) -> None:
    """Every error has a status and a sentence."""
    error = cls()

    assert 400 <= status_of(error) <= 503
    assert len(message_of(error)) > len("Error")


def test_document_has_all_elements() -> None:
    """In S3's order, the error's details between message and resource."""
    document = render(NoSuchKey(Key="a&b"), "/bucket/a&b", "R1", "H1")

    assert document == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
        b"<Key>a&amp;b</Key><Resource>/bucket/a&amp;b</Resource><RequestId>R1</RequestId>"
        b"<HostId>H1</HostId></Error>"
    )


def test_own_message_replaces_the_standard_one() -> None:
    """Where more can be said, it is said; the code is S3's."""
    document = render(OperationNotImplemented("Not yet <that>."), "/", "R", "H")

    assert b"<Code>NotImplemented</Code><Message>Not yet &lt;that&gt;.</Message>" in document


@given(st.text(st.characters(codec=None, exclude_categories=())), st.text())
def test_document_can_always_be_rendered(resource: str, detail: str) -> None:
    """Whatever a client sent comes back as well-formed bytes."""
    document = render(SignatureDoesNotMatch(StringToSign=detail), resource, "R", "H")

    document.decode("utf-8")
    assert document.count(b"<") == 15


@given(st.text(st.characters(codec="utf-8", min_codepoint=32)))
def test_document_is_read_back(resource: str) -> None:
    """Text without control characters survives a strict parser."""
    texts: list[str] = []
    parser = expat.ParserCreate()
    parser.CharacterDataHandler = texts.append
    document = render(NoSuchKey(), resource.replace("\ufffe", "").replace("\uffff", ""), "", "")

    parser.Parse(document, True)  # noqa: FBT003 -- expat's signature

    expected = resource.replace("\ufffe", "").replace("\uffff", "")
    assert "".join(texts).endswith(expected)
