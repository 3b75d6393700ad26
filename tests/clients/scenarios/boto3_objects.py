"""boto3: single objects. Source: Amazon S3 API reference, the operations of the same names."""

import base64
import hashlib
from datetime import timedelta

from tests.clients.file_trees import KIB, ODD_NAMES, content
from tests.clients.scenarios.boto3_clients import owner_client, refused
from tests.clients.scenarios.session import Session


def puts_gets_heads_and_deletes(session: Session) -> None:
    """An object comes back with its bytes, headers and metadata, and is gone when deleted."""
    s3 = owner_client(session)
    data = content("object", 100 * KIB)
    put = s3.put_object(
        Bucket=session.bucket,
        Key="object",
        Body=data,
        ContentType="application/x-thing",
        CacheControl="max-age=60",
        ContentDisposition='attachment; filename="thing"',
        Metadata={"colour": "blue", "size": "XL"},
    )
    got = s3.get_object(Bucket=session.bucket, Key="object")
    head = s3.head_object(Bucket=session.bucket, Key="object")
    deleted = s3.delete_object(Bucket=session.bucket, Key="object")

    assert got["Body"].read() == data
    assert put["ETag"] == got["ETag"] == head["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert head["ContentLength"] == len(data)
    assert head["ContentType"] == "application/x-thing"
    assert head["CacheControl"] == "max-age=60"
    assert head["ContentDisposition"] == 'attachment; filename="thing"'
    assert head["Metadata"] == got["Metadata"] == {"colour": "blue", "size": "XL"}
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=session.bucket, Key="object")
    with refused("404", 404):
        s3.head_object(Bucket=session.bucket, Key="object")


def keeps_empty_objects_and_folders(session: Session) -> None:
    """An object without bytes, its key with or without a slash at the end, is an object."""
    s3 = owner_client(session)
    for key in ("empty", "folder/"):
        s3.put_object(Bucket=session.bucket, Key=key)
        assert s3.get_object(Bucket=session.bucket, Key=key)["Body"].read() == b""
        assert s3.head_object(Bucket=session.bucket, Key=key)["ContentLength"] == 0


def keeps_odd_keys(session: Session) -> None:
    """Keys with blanks, quotes, percent, plus and any script mean what they say."""
    s3 = owner_client(session)
    for key in ODD_NAMES:
        s3.put_object(Bucket=session.bucket, Key=key, Body=content(key, 100))
    listed = [row["Key"] for row in s3.list_objects_v2(Bucket=session.bucket).get("Contents", [])]

    assert listed == sorted(ODD_NAMES, key=str.encode)
    for key in ODD_NAMES:
        got = s3.get_object(Bucket=session.bucket, Key=key)["Body"].read()
        assert got == content(key, 100), key


def reads_ranges(session: Session) -> None:
    """First, inner, open and last bytes come as 206 with their place; beyond the end is 416."""
    s3 = owner_client(session)
    data = content("ranged", 300 * KIB)
    s3.put_object(Bucket=session.bucket, Key="ranged", Body=data)
    size = len(data)
    cases = {
        "bytes=0-0": (0, 1),
        "bytes=1000-200000": (1000, 200001),
        f"bytes={size - 10}-": (size - 10, size),
        "bytes=-5": (size - 5, size),
        f"bytes=100-{size * 2}": (100, size),
    }
    for header, (start, end) in cases.items():
        got = s3.get_object(Bucket=session.bucket, Key="ranged", Range=header)
        assert got["Body"].read() == data[start:end], header
        assert got["ContentRange"] == f"bytes {start}-{end - 1}/{size}", header
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206, header
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=session.bucket, Key="ranged", Range=f"bytes={size}-")


def reads_conditionally(session: Session) -> None:
    """If-Match, If-None-Match and the dates decide whether an object is sent."""
    s3 = owner_client(session)
    s3.put_object(Bucket=session.bucket, Key="object", Body=b"one")
    head = s3.head_object(Bucket=session.bucket, Key="object")
    etag, modified = head["ETag"], head["LastModified"]
    hour = timedelta(hours=1)
    place = {"Bucket": session.bucket, "Key": "object"}

    assert s3.get_object(**place, IfMatch=etag)["Body"].read() == b"one"
    assert s3.get_object(**place, IfModifiedSince=modified - hour)["Body"].read() == b"one"
    with refused("PreconditionFailed", 412):
        s3.get_object(**place, IfMatch='"another"')
    with refused("304", 304):
        s3.get_object(**place, IfNoneMatch=etag)
    with refused("304", 304):
        s3.get_object(**place, IfModifiedSince=modified)
    with refused("PreconditionFailed", 412):
        s3.get_object(**place, IfUnmodifiedSince=modified - hour)


def writes_conditionally(session: Session) -> None:
    """A PUT that must create does not overwrite; one that must replace needs the right ETag."""
    s3 = owner_client(session)
    place = {"Bucket": session.bucket, "Key": "once"}
    first = s3.put_object(**place, Body=b"first", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.put_object(**place, Body=b"second", IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.put_object(**place, Body=b"third", IfMatch='"another"')

    assert s3.get_object(**place)["Body"].read() == b"first"
    s3.put_object(**place, Body=b"fourth", IfMatch=first["ETag"])
    assert s3.get_object(**place)["Body"].read() == b"fourth"


def copies_with_and_without_new_metadata(session: Session) -> None:
    """A copy has the source's bytes and metadata, or new metadata when they are replaced."""
    s3 = owner_client(session)
    data = content("source", 200 * KIB)
    source = {"Bucket": session.bucket, "Key": "source ü+.bin"}
    s3.put_object(**source, Body=data, Metadata={"a": "1"}, ContentType="text/x-source")
    s3.copy_object(Bucket=session.bucket, Key="same", CopySource=source)
    s3.copy_object(
        Bucket=session.bucket,
        Key="new",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="text/x-new",
    )
    same = s3.get_object(Bucket=session.bucket, Key="same")
    new = s3.get_object(Bucket=session.bucket, Key="new")

    assert same["Body"].read() == new["Body"].read() == data
    assert (same["Metadata"], same["ContentType"]) == ({"a": "1"}, "text/x-source")
    assert (new["Metadata"], new["ContentType"]) == ({"b": "2"}, "text/x-new")
    with refused("NoSuchKey", 404):
        missing = {"Bucket": session.bucket, "Key": "missing"}
        s3.copy_object(Bucket=session.bucket, Key="x", CopySource=missing)


def refuses_a_body_with_the_wrong_digest(session: Session) -> None:
    """Content-MD5 of other bytes is refused and nothing is stored."""
    s3 = owner_client(session)
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    with refused("BadDigest", 400):
        s3.put_object(Bucket=session.bucket, Key="object", Body=b"bytes", ContentMD5=wrong)
    with refused("404", 404):
        s3.head_object(Bucket=session.bucket, Key="object")
