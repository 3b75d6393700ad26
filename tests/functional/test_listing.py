"""Listings by boto3, which asks for encoded keys and decodes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.functional.conftest import remove_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

MANY = 1100
ODD_KEYS = [
    " ",
    '"quoted"',
    "#",
    "%41",
    "&<>",
    "+plus plus+",
    "?versionId=x",
    "_under",
    "a//b",
    "a\nb",
    "back\\slash",
    "dot/../dot",
    "é/ü",
    "日本語",
    "\U0001f600",
]


@pytest.fixture(scope="module")
def many_keys(s3: S3Client) -> Iterator[str]:
    """A bucket of more keys than a page holds, in folders of a hundred."""
    bucket = "test-listing-many-keys"
    s3.create_bucket(Bucket=bucket)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: s3.put_object(
                    Bucket=bucket, Key=f"{number // 100:02}/{number:05}", Body=b"x"
                ),
                range(MANY),
            )
        )
    yield bucket
    remove_bucket(s3, bucket)


def test_both_versions_list_everything_once(s3: S3Client, many_keys: str) -> None:
    """In order, over several pages."""
    expected = [f"{number // 100:02}/{number:05}" for number in range(MANY)]

    for operation in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(operation).paginate(Bucket=many_keys)
        assert [row["Key"] for page in pages for row in page["Contents"]] == expected


def test_pages_of_any_size_list_everything_once(s3: S3Client, many_keys: str) -> None:
    """Also where a page ends within a folder."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=many_keys, PaginationConfig={"PageSize": 333}
    )

    assert len([row["Key"] for page in pages for row in page["Contents"]]) == MANY


def test_folders_are_rolled_up(s3: S3Client, many_keys: str) -> None:
    """One common prefix a folder, also page by page."""
    expected = [f"{folder:02}/" for folder in range(MANY // 100)]

    for size in (1, 4, 1000):
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=many_keys, Delimiter="/", PaginationConfig={"PageSize": size}
        )
        found = [row["Prefix"] for page in pages for row in page.get("CommonPrefixes", [])]
        assert found == expected


def test_a_marker_that_is_a_folder_skips_it(s3: S3Client, many_keys: str) -> None:
    """The next page begins with the next folder."""
    first = s3.list_objects(Bucket=many_keys, Delimiter="/", MaxKeys=1)
    second = s3.list_objects(Bucket=many_keys, Delimiter="/", MaxKeys=1, Marker=first["NextMarker"])

    assert [row["Prefix"] for row in first["CommonPrefixes"]] == ["00/"]
    assert [row["Prefix"] for row in second["CommonPrefixes"]] == ["01/"]


def test_no_keys_wanted_is_an_empty_page(s3: S3Client, many_keys: str) -> None:
    """max-keys=0 isn't truncated."""
    page = s3.list_objects_v2(Bucket=many_keys, MaxKeys=0)

    assert (page["KeyCount"], page["IsTruncated"], page["MaxKeys"]) == (0, False, 0)


def test_odd_keys_come_back_as_they_went(s3: S3Client, bucket: str) -> None:
    """In byte order, whatever they hold."""
    for key in ODD_KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    listed = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]]

    assert listed == sorted(ODD_KEYS, key=str.encode)
    for key in ODD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()


@pytest.mark.parametrize("delimiter", ["a", "%", " ", "\n", "a/"])
def test_anything_can_be_a_delimiter(s3: S3Client, bucket: str, delimiter: str) -> None:
    """It needn't be a slash."""
    for key in (f"x{delimiter}1", f"x{delimiter}2", "y"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")

    page = s3.list_objects_v2(Bucket=bucket, Delimiter=delimiter)

    assert [row["Prefix"] for row in page["CommonPrefixes"]] == [f"x{delimiter}"]
    assert [row["Key"] for row in page["Contents"]] == ["y"]
    assert page["Delimiter"] == delimiter


def test_a_listing_says_what_a_head_says(s3: S3Client, bucket: str) -> None:
    """Size, entity tag and time of last change; the owner where asked for."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"some bytes")

    head = s3.head_object(Bucket=bucket, Key="key")
    listed = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]
    version = s3.list_object_versions(Bucket=bucket)["Versions"][0]

    for row in (listed, version):
        assert row["Size"] == head["ContentLength"]
        assert row["ETag"] == head["ETag"]
        assert row["LastModified"] == head["LastModified"]
        assert row["Owner"]["DisplayName"]
    assert (version["VersionId"], version["IsLatest"]) == ("null", True)


def test_an_object_is_listed_once_it_is_written(s3: S3Client, bucket: str) -> None:
    """And not any more once it is deleted, whichever worker answers."""
    for number in range(50):
        key = f"key-{number}"
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
        assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 1
        s3.delete_object(Bucket=bucket, Key=key)
        assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 0


def test_a_made_up_token_is_refused(s3: S3Client, bucket: str) -> None:
    """InvalidArgument, not an empty page."""
    with pytest.raises(ClientError) as caught:
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="made-up")

    assert caught.value.response["Error"]["Code"] == "InvalidArgument"
