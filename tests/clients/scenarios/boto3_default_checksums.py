"""boto3 since 1.36: checksums by default. Source: AWS SDKs guide, "Data integrity protections"."""

import io

from boto3.s3.transfer import TransferConfig

from tests.clients.file_trees import KIB, MIB, content
from tests.clients.scenarios.boto3_clients import owner_client
from tests.clients.scenarios.session import Session


def sends_crc32_unasked(session: Session) -> None:
    """A plain PUT carries a CRC32, which the server keeps and gives back."""
    s3 = owner_client(session)
    data = content("plain", 10 * KIB)
    put = s3.put_object(Bucket=session.bucket, Key="plain", Body=data)
    head = s3.head_object(Bucket=session.bucket, Key="plain", ChecksumMode="ENABLED")

    assert put["ChecksumCRC32"] == head["ChecksumCRC32"] != ""


def sends_a_trailer_after_a_stream(session: Session) -> None:
    """A body that cannot be read twice is sent in chunks with its checksum behind them."""
    s3 = owner_client(session)
    data = content("stream", 700 * KIB)
    s3.put_object(
        Bucket=session.bucket, Key="stream", Body=io.BytesIO(data), ChecksumAlgorithm="CRC32C"
    )

    assert s3.get_object(Bucket=session.bucket, Key="stream")["Body"].read() == data


def keeps_crc64nvme(session: Session) -> None:
    """CRC64NVME is checked, kept and given back on request."""
    s3 = owner_client(session)
    data = content("crc64", 300 * KIB)
    put = s3.put_object(
        Bucket=session.bucket, Key="object", Body=data, ChecksumAlgorithm="CRC64NVME"
    )
    got = s3.get_object(Bucket=session.bucket, Key="object", ChecksumMode="ENABLED")

    assert got["Body"].read() == data
    assert put["ChecksumCRC64NVME"] == got["ChecksumCRC64NVME"] != ""


def checks_every_part_of_an_upload(session: Session) -> None:
    """A managed multipart upload with its default checksums completes and reads back."""
    s3 = owner_client(session)
    data = content("parts", 12 * MIB)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(data), session.bucket, "parts", Config=config)
    got = s3.get_object(Bucket=session.bucket, Key="parts", ChecksumMode="ENABLED")

    assert got["Body"].read() == data
    assert got["ETag"].endswith('-3"')
