"""Request documents. Source: S3 API Reference, "DeleteObjects", "CompleteMultipartUpload"."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.checksums import ChecksumAlgorithm
from rucket.model.errors import MalformedXML, MaxMessageLengthExceeded, S3Error
from rucket.wire.xml.reader import (
    CREATE_BUCKET_SIZE_BYTES_MAX,
    CompletedPart,
    CompleteMultipartUpload,
    CreateBucketConfiguration,
    Delete,
    ObjectToDelete,
    read_complete_multipart_upload,
    read_create_bucket_configuration,
    read_delete,
)

if TYPE_CHECKING:
    from collections.abc import Callable

XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
READERS = [read_delete, read_complete_multipart_upload, read_create_bucket_configuration]
READER_OF_ROOT: dict[str, Callable[[bytes], object]] = {
    "Delete": read_delete,
    "CompleteMultipartUpload": read_complete_multipart_upload,
    "CreateBucketConfiguration": read_create_bucket_configuration,
}
# XML can't carry control characters, and reads CR as LF.
XML_TEXT = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\ufffe\uffff",
        include_characters="\t\n",
    ),
    min_size=1,
    max_size=30,
)


def test_delete_is_read() -> None:
    """Keys, versions and conditions, in order."""
    body = f"""<?xml version="1.0" encoding="UTF-8"?>
    <Delete {XMLNS}>
      <Object><Key>a&amp;b</Key></Object>
      <Object>
        <Key> c </Key><VersionId>v1</VersionId><ETag>"e"</ETag><Size>12</Size>
        <LastModifiedTime>Fri, 24 May 2013 00:00:00 GMT</LastModifiedTime>
        <Unknown><Nested/></Unknown>
      </Object>
      <Quiet>true</Quiet>
    </Delete>"""

    assert read_delete(body.encode()) == Delete(
        (
            ObjectToDelete("a&b"),
            ObjectToDelete(" c ", "v1", "e", 12, 1_369_353_600_000),
        ),
        is_quiet=True,
    )


def test_complete_is_read() -> None:
    """Parts with and without quotes around the ETag, with the checksums they carry."""
    body = b"""<CompleteMultipartUpload>
      <Part><PartNumber>1</PartNumber><ETag>"e1"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>
      <Part><ETag>e2</ETag><PartNumber> 10000 </PartNumber></Part>
    </CompleteMultipartUpload>"""

    assert read_complete_multipart_upload(body) == CompleteMultipartUpload(
        (
            CompletedPart(1, "e1", ((ChecksumAlgorithm.CRC32, "AAAAAA=="),)),
            CompletedPart(10_000, "e2"),
        )
    )


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ("", None),
        (" \n", None),
        ("<CreateBucketConfiguration/>", None),
        (
            (
                f"<CreateBucketConfiguration {XMLNS}><LocationConstraint>eu-west-3"
                "</LocationConstraint></CreateBucketConfiguration>"
            ),
            "eu-west-3",
        ),
        (
            (
                f"<s3:CreateBucketConfiguration {XMLNS.replace('xmlns', 'xmlns:s3')}>"
                "<s3:LocationConstraint>EU</s3:LocationConstraint></s3:CreateBucketConfiguration>"
            ),
            "EU",
        ),
        (
            "<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>",
            None,
        ),
    ],
    ids=["no_body", "blank", "empty", "location", "prefixed", "empty_location"],
)
def test_create_bucket_is_read(body: str, location: str | None) -> None:
    """With any namespace or none, and with no body at all."""
    assert read_create_bucket_configuration(body.encode()) == CreateBucketConfiguration(location)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not xml",
        "<Delete>",
        "<Delete/>",
        "<Remove><Object><Key>k</Key></Object></Remove>",
        "<Delete><Object/></Delete>",
        "<Delete><Object><Key/></Object></Delete>",
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key>a<b/></Key></Object></Delete>",
        "<Delete><Object><Key>a</Key><Size>big</Size></Object></Delete>",
        "<Delete><Object><Key>a</Key><LastModifiedTime>?</LastModifiedTime></Object></Delete>",
        "<Delete><Object>text<Key>a</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet>maybe</Quiet></Delete>",
        "<Delete><Object><Key>&#1;</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object></Delete>more",
        "<Delete>" + "<Object><Key>k</Key></Object>" * 1001 + "</Delete>",
    ],
    ids=[
        "no_body",
        "no_xml",
        "unclosed",
        "no_object",
        "another_root",
        "no_key",
        "empty_key",
        "two_keys",
        "element_in_a_key",
        "size_that_is_no_number",
        "time_that_is_none",
        "text_among_elements",
        "quiet_that_is_no_boolean",
        "character_that_xml_forbids",
        "text_after_the_root",
        "too_many_objects",
    ],
)
def test_malformed_delete_is_refused(body: str) -> None:
    """MalformedXML for whatever isn't a DeleteObjects request."""
    with pytest.raises(MalformedXML):
        read_delete(body.encode())


@pytest.mark.parametrize(
    "part",
    [
        "",
        "<PartNumber>1</PartNumber>",
        "<ETag>e</ETag>",
        "<PartNumber>0</PartNumber><ETag>e</ETag>",
        "<PartNumber>10001</PartNumber><ETag>e</ETag>",
        "<PartNumber>one</PartNumber><ETag>e</ETag>",
        "<PartNumber>-1</PartNumber><ETag>e</ETag>",
        "<PartNumber>" + "1" * 5000 + "</PartNumber><ETag>e</ETag>",
    ],
)
def test_malformed_part_is_refused(part: str) -> None:
    """A part has a number from 1 to 10,000 and an ETag."""
    body = f"<CompleteMultipartUpload><Part>{part}</Part></CompleteMultipartUpload>"

    with pytest.raises(MalformedXML):
        read_complete_multipart_upload(body.encode())


@pytest.mark.parametrize("count", [0, 10_001])
def test_number_of_parts_is_bounded(count: int) -> None:
    """1 to 10,000 parts."""
    part = "<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part * count}</CompleteMultipartUpload>"

    with pytest.raises(MalformedXML):
        read_complete_multipart_upload(body.encode())


@pytest.mark.parametrize(
    "prolog",
    [
        "<!DOCTYPE Delete>",
        '<!DOCTYPE Delete SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE Delete [<!ENTITY k "key">]>',
        '<!DOCTYPE Delete [<!ENTITY k SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE Delete [<!ENTITY % p SYSTEM "http://127.0.0.1/p"> %p;]>',
    ],
)
def test_dtd_is_refused(prolog: str) -> None:
    """No declaration, no entity, nothing external."""
    body = f"{prolog}<Delete><Object><Key>&k;</Key></Object></Delete>"

    with pytest.raises(MalformedXML):
        read_delete(body.encode())


@pytest.mark.parametrize("root", READER_OF_ROOT)
def test_depth_and_number_of_elements_are_bounded(root: str) -> None:
    """A small body can't become a large tree."""
    for content in ("<a>" * 100 + "</a>" * 100, "<a/>" * 100_001):
        with pytest.raises((MalformedXML, MaxMessageLengthExceeded)):
            READER_OF_ROOT[root](f"<{root}>{content}</{root}>".encode())


def test_size_is_bounded() -> None:
    """A longer body isn't even parsed."""
    with pytest.raises(MaxMessageLengthExceeded):
        read_create_bucket_configuration(b"x" * (CREATE_BUCKET_SIZE_BYTES_MAX + 1))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "latin-1", "no-such-encoding"])
def test_declared_encoding_is_ignored(encoding: str) -> None:
    """A declaration can't change how bytes are read, nor load a codec."""
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    body = f"{declaration}<Delete><Object><Key>é</Key></Object></Delete>".encode()

    assert read_delete(body).objects[0].key == "é"


@given(st.lists(st.tuples(XML_TEXT, st.none() | XML_TEXT), min_size=1, max_size=5), st.booleans())
def test_any_objects_come_back(objects: list[tuple[str, str | None]], is_quiet: bool) -> None:  # noqa: FBT001
    """Whatever text a key or version is made of."""
    content = "".join(
        f"<Object><Key>{escape(key)}</Key>"
        + ("" if version_id is None else f"<VersionId>{escape(version_id)}</VersionId>")
        + "</Object>"
        for key, version_id in objects
    )
    body = f"<Delete>{content}<Quiet>{str(is_quiet).lower()}</Quiet></Delete>"

    assert read_delete(body.encode()) == Delete(
        tuple(ObjectToDelete(key, version_id) for key, version_id in objects), is_quiet
    )


@given(
    st.binary()
    | st.recursive(
        st.sampled_from(["", "1", "x", "<Key>k</Key>", "<ETag>e</ETag>", "<!--c-->", "<?p i?>"]),
        lambda inner: st.builds(
            lambda name, parts: f"<{name}>{''.join(parts)}</{name}>",
            st.sampled_from(
                ["Delete", "Object", "Key", "Quiet", "Part", "PartNumber", "ETag",
                 "CompleteMultipartUpload", "CreateBucketConfiguration", "LocationConstraint"]
            ),
            st.lists(inner, max_size=3),
        ),
    ).map(str.encode)
)  # fmt: skip
def test_arbitrary_bodies_only_raise_s3_errors(body: bytes) -> None:
    """Whatever arrives, the answer is an S3 error or a request."""
    for read in READERS:
        with contextlib.suppress(S3Error):
            read(body)
