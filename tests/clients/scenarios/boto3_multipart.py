"""boto3: the transfer manager and multipart uploads. Source: Amazon S3 API reference."""

import io
from typing import Any

from boto3.s3.transfer import TransferConfig

from tests.clients.file_trees import MIB, content, file_digest, write_file
from tests.clients.scenarios.boto3_clients import owner_client, refused
from tests.clients.scenarios.session import Session

PART_SIZE_BYTES = 5 * MIB
IN_PARTS = TransferConfig(
    multipart_threshold=PART_SIZE_BYTES, multipart_chunksize=PART_SIZE_BYTES, max_concurrency=4
)


def uploads_and_downloads_a_large_file(session: Session) -> None:
    """64 MiB go up in parallel parts of 8 MiB and come down in parallel ranges, unchanged."""
    s3 = owner_client(session)
    sent = write_file(session.path("up.bin"), 64 * MIB)
    s3.upload_file(
        str(session.path("up.bin")),
        session.bucket,
        "large",
        ExtraArgs={"ContentType": "application/x-large", "Metadata": {"kind": "large"}},
    )
    s3.download_file(session.bucket, "large", str(session.path("down.bin")))
    head = s3.head_object(Bucket=session.bucket, Key="large")

    assert file_digest(session.path("down.bin")) == sent
    assert head["ETag"].endswith('-8"')
    assert head["ContentType"] == "application/x-large"
    assert head["Metadata"] == {"kind": "large"}


def copies_in_parts(session: Session) -> None:
    """A managed copy of a large object is made of part copies and is the same object."""
    s3 = owner_client(session)
    data = content("source", 3 * PART_SIZE_BYTES + 1)
    s3.put_object(Bucket=session.bucket, Key="source", Body=data)
    source = {"Bucket": session.bucket, "Key": "source"}
    s3.copy(source, session.bucket, "copied in parts", Config=IN_PARTS)
    got = s3.get_object(Bucket=session.bucket, Key="copied in parts")

    assert got["Body"].read() == data
    assert got["ETag"].endswith('-4"')


def reads_one_part(session: Session) -> None:
    """A part of an object made of parts is read by its number."""
    s3 = owner_client(session)
    data = content("parts", 2 * PART_SIZE_BYTES)
    s3.upload_fileobj(io.BytesIO(data), session.bucket, "parts", Config=IN_PARTS)
    second = s3.get_object(Bucket=session.bucket, Key="parts", PartNumber=2)

    assert second["PartsCount"] == 2
    assert second["Body"].read() == data[PART_SIZE_BYTES:]


def lists_and_aborts_uploads(session: Session) -> None:
    """Unfinished uploads and their parts are listed until they are aborted."""
    s3 = owner_client(session)
    uploads = {key: _begin(s3, session, key) for key in ("a", "b")}
    part = s3.upload_part(
        Bucket=session.bucket, Key="a", UploadId=uploads["a"], PartNumber=7, Body=b"seven"
    )
    parts = s3.list_parts(Bucket=session.bucket, Key="a", UploadId=uploads["a"])
    listed = s3.list_multipart_uploads(Bucket=session.bucket).get("Uploads", [])

    assert {row["Key"]: row["UploadId"] for row in listed} == uploads
    found = [(row["PartNumber"], row["Size"], row["ETag"]) for row in parts["Parts"]]
    assert found == [(7, 5, part["ETag"])]
    for key, upload_id in uploads.items():
        s3.abort_multipart_upload(Bucket=session.bucket, Key=key, UploadId=upload_id)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=session.bucket)
    with refused("NoSuchUpload", 404):
        s3.list_parts(Bucket=session.bucket, Key="a", UploadId=uploads["a"])


def refuses_to_complete_what_is_wrong(session: Session) -> None:
    """A part that was never sent, a wrong order and a small inner part are told apart."""
    s3 = owner_client(session)
    upload_id = _begin(s3, session, "object")
    etags = [
        s3.upload_part(
            Bucket=session.bucket, Key="object", UploadId=upload_id, PartNumber=number, Body=body
        )["ETag"]
        for number, body in ((1, b"small"), (2, b"last"))
    ]
    cases = {
        "EntityTooSmall": [(1, etags[0]), (2, etags[1])],
        "InvalidPart": [(1, etags[0]), (3, etags[1])],
        "InvalidPartOrder": [(2, etags[1]), (1, etags[0])],
    }
    for code, parts in cases.items():
        with refused(code, 400):
            s3.complete_multipart_upload(
                Bucket=session.bucket,
                Key="object",
                UploadId=upload_id,
                MultipartUpload={"Parts": [{"PartNumber": n, "ETag": e} for n, e in parts]},
            )
    with refused("404", 404):
        s3.head_object(Bucket=session.bucket, Key="object")


def _begin(s3: Any, session: Session, key: str) -> str:
    return str(s3.create_multipart_upload(Bucket=session.bucket, Key=key)["UploadId"])
