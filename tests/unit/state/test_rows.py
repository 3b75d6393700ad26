"""How keys of rows are built: order, and the way back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.records import Checksum, ObjectMetadata, ObjectSummary, PartSummary
from rucket.state import rows

TEXTS = st.text(
    st.sampled_from("\0\x01aA/\x7f\xff\u0100\uffff\U0010ffff")
    | st.characters(exclude_categories=["Cs"]),
    max_size=12,
)
IDS = st.binary(min_size=16, max_size=16)


@given(TEXTS, TEXTS, st.binary(max_size=8), st.binary(max_size=8))
def test_ordered_texts_are_in_the_order_of_the_texts(
    text: str, other: str, behind: bytes, behind_other: bytes
) -> None:
    """Whatever follows them; what follows decides between equal ones."""
    key, other_key = rows.ordered(text) + behind, rows.ordered(other) + behind_other

    expected = (text.encode(), behind) < (other.encode(), behind_other)
    assert (key < other_key) == expected


@given(st.binary(max_size=8), TEXTS, st.binary(max_size=8))
def test_an_ordered_text_comes_back(before: bytes, text: str, behind: bytes) -> None:
    """With the place where what follows it begins."""
    key = before + rows.ordered(text) + behind

    assert rows.unordered(key, len(before)) == (text, len(key) - len(behind))


@given(TEXTS, TEXTS)
def test_no_ordered_text_begins_another(text: str, other: str) -> None:
    """So that the rows of one owner or user are never those of another."""
    assert rows.ordered(other).startswith(rows.ordered(text)) == (text == other)


@given(st.binary(max_size=6), st.binary(max_size=6))
def test_what_is_below_the_end_of_a_prefix_begins_with_it(prefix: bytes, key: bytes) -> None:
    """And only that, among keys that aren't less than it."""
    end = rows.prefix_end(prefix)

    assert key.startswith(prefix) == (key >= prefix and (end is None or key < end))


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"", None), (b"\xff\xff", None), (b"a", b"b"), (b"a\xff", b"b"), (b"a\xfe", b"a\xff")],
)
def test_the_end_of_a_prefix(prefix: bytes, end: bytes | None) -> None:
    """Is the least key behind it, if there is one."""
    assert rows.prefix_end(prefix) == end


@given(st.integers(0, 2**64 - 1), TEXTS, IDS)
def test_keys_of_uploads_and_objects_come_back(bucket_id: int, key: str, upload_id: bytes) -> None:
    """From the keys of their rows."""
    assert rows.key_of_object_row(rows.object_row_key(bucket_id, key)) == key
    upload_row = rows.upload_row_key(bucket_id, key, upload_id)
    assert rows.key_of_upload_row(upload_row) == (key, upload_id)
    assert upload_row.startswith(rows.bucket_prefix(bucket_id))


@given(IDS, st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_parts_are_in_the_order_of_their_numbers(upload_id: bytes, number: int, other: int) -> None:
    """And the number comes back."""
    key, other_key = rows.part_row_key(upload_id, number), rows.part_row_key(upload_id, other)

    assert (key < other_key) == (number < other)
    assert rows.part_number_of_row(key) == number


@given(st.sampled_from(["canonical_id", "email"]), TEXTS, TEXTS, TEXTS)
def test_attributes_of_users_never_meet(attribute: str, value: str, name: str, key: str) -> None:
    """An id or e-mail address that looks like an access key is none."""
    attribute_key = rows.user_attribute_key(attribute, value)

    assert attribute_key != rows.access_key_attribute(name, key)
    assert not attribute_key.startswith(rows.access_key_attribute(name))


_CODECS = [
    rows.BUCKET,
    rows.STATISTICS,
    rows.OBJECT,
    rows.CONTENT,
    rows.UPLOAD,
    rows.PART,
    rows.COMPLETED_UPLOAD,
    rows.USER,
    rows.ACCESS_KEY,
]


@pytest.mark.parametrize("codec", _CODECS)
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"", UnknownFormatError),
        (b"\x02\x90", UnknownFormatError),
        (b"\x01", CorruptionError),
        (b"\x01\xc1", CorruptionError),
        (b"\x01" + b"\x91" * 100_000, CorruptionError),
    ],
    ids=["empty", "of a newer version", "cut", "not MessagePack", "nested too deeply"],
)
def test_a_value_that_cannot_be_read_says_why(
    codec: rows._Codec[object], value: bytes, error: type[Exception]
) -> None:
    """Newer formats are told from damage."""
    with pytest.raises(error):
        codec.decode(value)


def test_text_that_is_no_utf_8_is_damage() -> None:
    """Wherever it stands."""
    with pytest.raises(CorruptionError):
        rows.USER.decode(b"\x01\x93\xa1\xff\xa1a\xa1a")


def test_fields_of_the_future_may_be_nested_only_so_deeply() -> None:
    """What a newer Rucket adds is skipped; what nobody could have written is damage."""
    user = b"\x01\x96\xa1a\xa1a\xa1a\xa0\x00"

    assert rows.USER.decode(user + b"\x91" * 10 + b"\x01").name == "a"
    with pytest.raises(CorruptionError):
        rows.USER.decode(user + b"\x91" * 100_000 + b"\x01")


def test_a_summary_is_the_first_fields_of_what_is_kept() -> None:
    """What a listing decodes is the beginning of the same array, field by field."""
    summary = [field.name for field in msgspec.structs.fields(ObjectSummary)]
    metadata = [field.name for field in msgspec.structs.fields(ObjectMetadata)]

    assert metadata[: len(summary)] == summary


def test_a_page_of_summaries_says_of_each_object_what_its_row_says() -> None:
    """With everything that stands between the fields that are shown."""
    written = [
        ObjectMetadata(
            b"v" * 16,
            hlc=number,
            size_bytes=number,
            etag=f"etag-{number}",
            owner_id="owner",
            content_headers={"content-type": "text/plain"} if number % 2 else {},
            user_metadata={"name": "x" * 300 * number},
            checksum=Checksum("CRC32", "AAAAAA==") if number % 3 else None,
            parts=(PartSummary(1, 5),) * number,
            storage_class="STANDARD_IA" if number % 2 else "STANDARD",
        )
        for number in range(5)
    ]

    read = rows.OBJECT_SUMMARY.decode_all([rows.OBJECT.encode(record) for record in written])

    names = ("hlc", "size_bytes", "etag", "owner_id", "checksum", "storage_class")
    for shown, kept in zip(read, written, strict=True):
        assert [getattr(shown, name) for name in names] == [getattr(kept, name) for name in names]


@pytest.mark.parametrize(
    ("damaged", "error"),
    [(b"\x01\xc1", CorruptionError), (b"", UnknownFormatError), (b"\x09", UnknownFormatError)],
    ids=["no array", "empty", "newer"],
)
def test_one_bad_row_of_a_page_is_not_shown_as_something_else(
    damaged: bytes, error: type[Exception]
) -> None:
    """A page with it is refused, with the reason."""
    good = rows.OBJECT.encode(ObjectMetadata(b"", 1, 1, "e", "o"))

    with pytest.raises(error):
        rows.OBJECT_SUMMARY.decode_all([good, damaged, good])
