"""S3 over TLS, with a certificate of the test's own."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import SSLError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server_process import ALICE, LOOPBACK, RucketProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

_PART_SIZE_BYTES = 5 * 1024 * 1024


def _write_certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rucket test")])
    today = dt.datetime.combine(dt.date.today(), dt.time())  # noqa: DTZ011
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=2))
        .not_valid_after(today + dt.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (directory / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (directory / "cert.pem").write_bytes(certificate.public_bytes(encoding))


class _TlsServer(RucketProcess):
    """A server whose health is asked over TLS, too."""

    def is_ready(self) -> bool:
        """See `RucketProcess.is_ready`."""
        context = ssl.create_default_context(cafile=str(self.directory / "cert.pem"))
        connection = HTTPSConnection(*self.address, timeout=2, context=context)
        try:
            connection.request("GET", "/minio/health/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_TlsServer]:
    directory = tmp_path_factory.mktemp("tls")
    _write_certificate(directory)
    tls = {"tls_cert": str(directory / "cert.pem"), "tls_key": str(directory / "key.pem")}
    with _TlsServer(directory, {"server": tls}) as server:
        yield server


def _client(server: _TlsServer, certificate: str | None) -> S3Client:
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=server.endpoint.replace("http://", "https://"),
        aws_access_key_id=ALICE.access_key,
        aws_secret_access_key=ALICE.secret_key,
        region_name=server.region,
        verify=certificate,
    )
    return client


def test_bodies_stream_with_trailers_over_tls(server: _TlsServer) -> None:
    """Over TLS boto3 sends unsigned chunks and a checksum behind them."""
    client = _client(server, str(server.directory / "cert.pem"))
    client.create_bucket(Bucket="tls-bucket")
    for size_bytes in (0, 10, 70_000, 3_000_000):
        body = bytes(range(256)) * (size_bytes // 256 + 1)
        client.put_object(Bucket="tls-bucket", Key="key", Body=body[:size_bytes])

        assert client.get_object(Bucket="tls-bucket", Key="key")["Body"].read() == body[:size_bytes]


def test_a_completed_upload_says_where_it_is(server: _TlsServer) -> None:
    """Under the scheme that the client uses."""
    client = _client(server, str(server.directory / "cert.pem"))
    client.create_bucket(Bucket="tls-upload")
    place: Any = {"Bucket": "tls-upload", "Key": "key"}
    upload_id = client.create_multipart_upload(**place)["UploadId"]
    part = client.upload_part(**place, UploadId=upload_id, PartNumber=1, Body=b"x")

    done = client.complete_multipart_upload(
        **place,
        UploadId=upload_id,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )

    assert done["Location"] == f"https://{LOOPBACK}:{server.address[1]}/tls-upload/key"


def test_a_certificate_that_nobody_vouches_for_is_seen(server: _TlsServer) -> None:
    """The client is the judge of that."""
    with pytest.raises(SSLError):
        _client(server, None).list_buckets()
