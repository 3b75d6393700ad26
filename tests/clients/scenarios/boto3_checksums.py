"""boto3: checksums. Source: Amazon S3 user guide, "Checking object integrity"."""

from tests.clients.file_trees import KIB, content
from tests.clients.scenarios.boto3_clients import owner_client, refused
from tests.clients.scenarios.session import Session


def keeps_crc32(session: Session) -> None:
    """CRC32 is checked, kept and given back on request."""
    _keeps(session, "CRC32")


def keeps_crc32c(session: Session) -> None:
    """CRC32C is checked, kept and given back on request."""
    _keeps(session, "CRC32C")


def keeps_sha1(session: Session) -> None:
    """SHA-1 is checked, kept and given back on request."""
    _keeps(session, "SHA1")


def keeps_sha256(session: Session) -> None:
    """SHA-256 is checked, kept and given back on request."""
    _keeps(session, "SHA256")


def refuses_a_wrong_checksum(session: Session) -> None:
    """A checksum of other bytes is refused and nothing is stored."""
    s3 = owner_client(session)
    with refused("BadDigest", 400):
        s3.put_object(
            Bucket=session.bucket,
            Key="object",
            Body=b"bytes",
            ChecksumSHA256="n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",  # of b"test"
        )
    with refused("404", 404):
        s3.head_object(Bucket=session.bucket, Key="object")


def _keeps(session: Session, algorithm: str) -> None:
    s3 = owner_client(session)
    data = content(algorithm, 300 * KIB)
    field = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=session.bucket, Key="object", Body=data, ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=session.bucket, Key="object", ChecksumMode="ENABLED")
    got = s3.get_object(Bucket=session.bucket, Key="object", ChecksumMode="ENABLED")

    assert got["Body"].read() == data, "boto3 has compared the checksum as well"
    assert put[field] == head[field] == got[field] != ""
