"""Decoders of what clients send: whatever it is, an S3 error is the worst that comes of it."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from rucket.model.errors import InvalidArgument, InvalidURI, S3Error
from rucket.service.continuation_tokens import make_token, read_token
from rucket.wire import admin, byte_ranges, preconditions
from rucket.wire.checksums import parse_declared_checksum
from rucket.wire.copy_source import CopySource, parse_copy_source
from rucket.wire.headers import parse_content_length, parse_content_md5
from rucket.wire.listing_parameters import parse_limit, parse_url_encoding
from rucket.wire.percent_encoding import percent_decode, uri_encode
from rucket.wire.request_target import parse_query, resolve_target
from rucket.wire.sigv2 import header_auth as header_auth_v2
from rucket.wire.sigv2 import presigned_url as presigned_url_v2
from rucket.wire.sigv4 import header_auth, presigned_url
from rucket.wire.sigv4.canonical_request import SignedRequest, canonical_query
from rucket.wire.sigv4.chunked_payload import ChunkedPayloadDecoder
from rucket.wire.sigv4.payload_hash import PayloadKind
from rucket.wire.timestamps import format_http_date, parse_http_date
from rucket.wire.user_metadata import (
    collect_user_metadata,
    decode_metadata_value,
    encode_metadata_value,
)
from rucket.wire.xml.reader import (
    CompleteMultipartUpload,
    Delete,
    read_complete_multipart_upload,
    read_create_bucket_configuration,
    read_delete,
)
from tests.fuzz.decoder import Decoder, encoded
from tests.unit.wire.sigv4 import chunked_bodies, vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.wire.sigv4.signature import SigningContext

_NOW_MS = vectors.NOW_MS
_SIZES = (0, 1, 10, 5 * 1024**4)
_YEAR_9999_MS = 253_402_300_799_000
_CR = {"\r": "&#13;"}


def _latin_1(data: bytes) -> str:
    """A header's value, as the HTTP server hands it over."""
    return data.decode("latin-1")


def check_delete(data: bytes) -> None:
    """The body of DeleteObjects."""
    with suppress(S3Error):
        wanted = read_delete(data)
        assert read_delete(_delete_document(wanted)) == wanted


def _delete_document(wanted: Delete) -> bytes:
    pieces = [f"<Delete><Quiet>{str(wanted.is_quiet).lower()}</Quiet>"]
    for deletion in wanted.objects:
        texts = {
            "Key": deletion.key,
            "VersionId": deletion.version_id,
            "ETag": None if deletion.etag is None else f'"{deletion.etag}"',
            "Size": deletion.size_bytes,
            "LastModifiedTime": None
            if deletion.last_modified_ms is None
            else format_http_date(deletion.last_modified_ms),
        }
        inner = "".join(
            f"<{name}>{escape(str(text), _CR)}</{name}>"
            for name, text in texts.items()
            if text is not None
        )
        pieces.append(f"<Object>{inner}</Object>")
    return ("".join(pieces) + "</Delete>").encode()


def check_complete(data: bytes) -> None:
    """The body of CompleteMultipartUpload."""
    with suppress(S3Error):
        wanted = read_complete_multipart_upload(data)
        assert read_complete_multipart_upload(_complete_document(wanted)) == wanted


def _complete_document(wanted: CompleteMultipartUpload) -> bytes:
    parts = []
    for part in wanted.parts:
        checksums = "".join(
            f"<Checksum{algorithm.value}>{escape(value, _CR)}</Checksum{algorithm.value}>"
            for algorithm, value in part.checksums
        )
        parts.append(
            f"<Part><PartNumber>{part.part_number}</PartNumber>"
            f'<ETag>"{escape(part.etag, _CR)}"</ETag>{checksums}</Part>'
        )
    body = "".join(parts)
    return f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()


def check_create_bucket(data: bytes) -> None:
    """The body of CreateBucket."""
    with suppress(S3Error):
        wanted = read_create_bucket_configuration(data)
        text = escape(wanted.location_constraint or "", _CR)
        document = (
            f"<CreateBucketConfiguration><LocationConstraint>{text}</LocationConstraint>"
            "</CreateBucketConfiguration>"
        )
        assert read_create_bucket_configuration(document.encode()) == wanted


_DATE = "20130524T000000Z"


def _signed_by_header(data: bytes) -> SignedRequest:
    """Lines of an input: authorization, x-amz-date, x-amz-content-sha256, host."""
    lines = [*_latin_1(data).split("\n"), "", "", ""]
    names = ("authorization", "x-amz-date", "x-amz-content-sha256", "host")
    headers = {name: line for name, line in zip(names, lines, strict=False) if line}
    headers.setdefault("authorization", "")
    return SignedRequest("GET", b"/bucket/key", b"a=b", headers)


def check_sigv4_header(data: bytes) -> None:
    """The headers of a request signed by version 4."""
    request = _signed_by_header(data)
    with suppress(S3Error):
        parsed = header_auth.parse(request, vectors.REGION)
        again = dict(request.headers)
        again["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={parsed.access_key_id}/{parsed.scope.text}, "
            f"SignedHeaders={';'.join(parsed.signed_headers)}, Signature={parsed.signature}"
        )
        request = SignedRequest(request.method, request.raw_path, request.raw_query, again)
        assert header_auth.parse(request, vectors.REGION) == parsed
        header_auth.verify(request, parsed, vectors.SECRET_ACCESS_KEY, _NOW_MS)


def check_sigv4_query(data: bytes) -> None:
    """The query of a URL presigned by version 4."""
    request = SignedRequest("GET", b"/test.txt", data, {"host": vectors.HOST})
    with suppress(S3Error):
        parsed = presigned_url.parse(request, vectors.REGION)
        assert parsed.expires_s is not None
        presigned_url.verify(request, parsed, vectors.SECRET_ACCESS_KEY, _NOW_MS)
        # What isn't the signed query in another order or spelling has another signature.
        assert canonical_query(data) == canonical_query(vectors.PRESIGNED_GET.raw_query)


def check_sigv2_header(data: bytes) -> None:
    """The headers of a request signed by version 2."""
    request = _signed_by_header(data)
    with suppress(S3Error):
        parsed = header_auth_v2.parse(request)
        header_auth_v2.verify(request, parsed, vectors.SECRET_ACCESS_KEY, "", _NOW_MS)


def check_sigv2_query(data: bytes) -> None:
    """The query of a URL presigned by version 2."""
    request = SignedRequest("GET", b"/bucket/key", data, {"host": vectors.HOST})
    with suppress(S3Error):
        parsed = presigned_url_v2.parse(request)
        presigned_url_v2.verify(request, parsed, vectors.SECRET_ACCESS_KEY, "", _NOW_MS)


_TRAILERS = frozenset({"x-amz-checksum-crc32"})
_CONTEXTS = {
    kind: chunked_bodies.context_of(kind)
    for kind in (
        PayloadKind.STREAMING_SIGNED,
        PayloadKind.STREAMING_SIGNED_TRAILER,
        PayloadKind.STREAMING_UNSIGNED_TRAILER,
    )
}
_Decoded = tuple[bytes, dict[str, str]] | str


def _unchunked(context: SigningContext, pieces: list[bytes]) -> _Decoded:
    decoder = ChunkedPayloadDecoder(context, None, _TRAILERS)
    payload = bytearray()
    try:
        for piece in pieces:
            for part in decoder.feed(piece):
                payload += part
        return bytes(payload), decoder.finish()
    except S3Error as error:
        return error.code


def check_chunked(data: bytes) -> None:
    """An aws-chunked body of any kind: in however many pieces it comes, the same comes out."""
    third = len(data) // 3
    for context in _CONTEXTS.values():
        decoded = _unchunked(context, [data])
        assert _unchunked(context, [data[:third], data[third : third + 1], data[third + 1 :]]) == (
            decoded
        )
        if isinstance(decoded, tuple) and "".join(decoded[1].values()).isascii():
            payload, trailers = decoded
            chunks = [payload] if payload else []
            again = chunked_bodies.encode(context, chunks, trailers)
            assert _unchunked(context, [again]) == decoded


_CHUNKED_SEEDS = tuple(
    chunked_bodies.encode(context, [b"a" * 100, b"b"], {"x-amz-checksum-crc32": "AAAAAA=="})
    for context in _CONTEXTS.values()
)


def check_range(data: bytes) -> None:
    """``Range`` and ``x-amz-copy-source-range``."""
    text = _latin_1(data)
    for size_bytes in _SIZES:
        with suppress(S3Error):
            found = byte_ranges.resolve_range(text, size_bytes)
            if found is not None:
                assert 0 <= found.first <= found.last < size_bytes
                again = f"bytes={found.first}-{found.last}"
                assert byte_ranges.resolve_range(again, size_bytes) == found
    with suppress(S3Error):
        copied = byte_ranges.parse_copy_source_range(text)
        assert copied is not None
        assert copied.size_bytes > 0


def check_copy_source(data: bytes) -> None:
    """``x-amz-copy-source``."""
    with suppress(S3Error):
        found = parse_copy_source(_latin_1(data))
        version = f"?versionId={uri_encode(found.version_id.encode())}" if found.version_id else ""
        bucket, key = uri_encode(found.bucket.encode()), uri_encode(found.key.encode())
        again = parse_copy_source(f"/{bucket}/{key}{version}")
        assert again == CopySource(found.bucket, found.key, found.version_id)


def check_conditions(data: bytes) -> None:
    """All four conditional headers, and those of a copy's source: nothing is refused."""
    lines = [*_latin_1(data).split("\n"), "", "", ""]
    names = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
    headers = dict(zip(names, lines, strict=False))
    prefixed = {f"x-amz-copy-source-{name}": line for name, line in headers.items()}
    found = preconditions.parse_preconditions(headers)
    assert preconditions.parse_copy_source_preconditions(prefixed) == found
    for etag in ("etag", ""):
        for modified_ms in (0, _NOW_MS):
            found.evaluate(etag, modified_ms)
            found.evaluate_copy(etag, modified_ms)


def check_etags(data: bytes) -> None:
    """A list of entity tags: nothing is refused, and what can be quoted comes back."""
    found = preconditions.parse_entity_tags(_latin_1(data))
    if found.is_any or any('"' in tag for tag in found.strong | found.weak):
        return
    quoted = [f'"{tag}"' for tag in found.strong] + [f'W/"{tag}"' for tag in found.weak]
    assert preconditions.parse_entity_tags(", ".join(quoted)) == found


def check_token(data: bytes) -> None:
    """A continuation token."""
    with suppress(InvalidArgument):
        after = read_token(data.decode("utf-8", "replace"))
        assert read_token(make_token(after)) == after


def check_query(data: bytes) -> None:
    """A query string, and the parameters that listings look at."""
    with suppress(InvalidURI):
        query = parse_query(data)
        again = "&".join(
            f"{uri_encode(name.encode())}={uri_encode(value.encode())}" for name, value in query
        )
        assert [pair for pair in parse_query(again.encode()) if pair != ("", "")] == [
            pair for pair in query if pair != ("", "")
        ]
        with suppress(InvalidArgument):
            assert 0 <= parse_limit(query) <= 1000
            parse_url_encoding(query)


def check_target(data: bytes) -> None:
    """Host and path, on two lines."""
    host, _, path = data.partition(b"\n")
    with suppress(S3Error):
        found = resolve_target(_latin_1(host), path, ("s3.localhost", "localhost"))
        assert found.bucket is not None or found.key is None
        if found.bucket and not found.is_virtual_host:
            again = f"/{uri_encode(found.bucket.encode())}/{uri_encode((found.key or '').encode())}"
            assert resolve_target("127.0.0.1", again.encode(), ()) == found


def check_percent_encoding(data: bytes) -> None:
    """Percent-encoded UTF-8."""
    with suppress(InvalidURI):
        text = percent_decode(data)
        assert percent_decode(uri_encode(text.encode()).encode()) == text


def check_metadata(data: bytes) -> None:
    """The value of an ``x-amz-meta-`` header: what goes out can't end its header."""
    with suppress(S3Error):
        (text,) = collect_user_metadata({"x-amz-meta-a": _latin_1(data)}).values()
        sent = encode_metadata_value(text)
        assert not {0, 10, 13, 127} & set(sent)
        decode_metadata_value(_latin_1(sent))


def check_date(data: bytes) -> None:
    """A date in a header, in whichever format."""
    moment_ms = parse_http_date(_latin_1(data))
    if moment_ms is not None and 0 <= moment_ms <= _YEAR_9999_MS:
        written = format_http_date(moment_ms)
        assert parse_http_date(written) == moment_ms // 1000 * 1000


def check_numbers_and_digests(data: bytes) -> None:
    """Content-Length, Content-MD5 and the checksum headers."""
    text = _latin_1(data)
    with suppress(S3Error):
        length = parse_content_length(text)
        assert length is not None
        assert parse_content_length(str(length)) == length
    with suppress(S3Error):
        assert len(parse_content_md5(text) or b"") == 16
    for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256"):
        with suppress(S3Error):
            parse_declared_checksum({f"x-amz-checksum-{name}": text})


def _check_admin(record_type: type[object]) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        with suppress(InvalidArgument):
            admin._decode(data, record_type)

    return check


_AUTHORIZATION = vectors.GET_OBJECT.headers["authorization"]
_SIGNED = f"{_AUTHORIZATION}\n{_DATE}\n{vectors.EMPTY_SHA256}\n{vectors.HOST}"
_DATES = (
    "Fri, 24 May 2013 00:00:00 GMT",
    "Friday, 24-May-13 00:00:00 GMT",
    "Fri May 24 00:00:00 2013",
    "2013-05-24T00:00:00.000Z",
    "Fri, 24 May 2013 00:00:00 +0200",
)
_DELETE = (
    '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Object><Key>a&amp;b&#13;</Key><VersionId>v</VersionId><ETag>&quot;e&quot;</ETag>"
    "<Size>12</Size><LastModifiedTime>Fri, 24 May 2013 00:00:00 GMT</LastModifiedTime></Object>"
    "<Quiet>true</Quiet></Delete>"
)
_COMPLETE = (
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag>"
    "<ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part><Part><PartNumber>10000</PartNumber>"
    "<ETag>f</ETag></Part></CompleteMultipartUpload>"
)
_CREATE_BUCKET = (
    "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
    "</CreateBucketConfiguration>"
)
_USER = (
    '{"name":"alice","display_name":"Alice é","email":"a@example.com","create_access_key":false}'
)
_CONDITIONS = '"etag", W/"weak"\n*\n' + "\n".join(_DATES[:2])

REQUESTS_ON_THE_WIRE = [
    Decoder("xml-delete", check_delete, encoded([_DELETE])),
    Decoder("xml-complete", check_complete, encoded([_COMPLETE])),
    Decoder("xml-create-bucket", check_create_bucket, encoded([_CREATE_BUCKET])),
    Decoder("sigv4-header", check_sigv4_header, encoded([_SIGNED])),
    Decoder("sigv4-query", check_sigv4_query, (vectors.PRESIGNED_GET.raw_query,)),
    Decoder(
        "sigv2-header",
        check_sigv2_header,
        encoded(["AWS KEY:c2lnbmF0dXJl\n" + _DATES[0], "AWS KEY:c2ln\n20130524T000000Z"]),
    ),
    Decoder(
        "sigv2-query",
        check_sigv2_query,
        (b"AWSAccessKeyId=KEY&Expires=1369353700&Signature=c2lnbmF0dXJl%3D",),
    ),
    Decoder("aws-chunked", check_chunked, _CHUNKED_SEEDS),
    Decoder("range", check_range, encoded(["bytes=0-9", "bytes=-5", "bytes=10-", "bytes=0-1,3-4"])),
    Decoder(
        "copy-source",
        check_copy_source,
        encoded(["/bucket/key%20with%2Fslash?versionId=v%3F", "bucket/é"]),
    ),
    Decoder("conditions", check_conditions, encoded([_CONDITIONS])),
    Decoder("etags", check_etags, encoded(['"a", W/"b" ,c', "*", "unquoted"])),
    Decoder("token", check_token, encoded([make_token("a/b"), make_token("é")])),
    Decoder(
        "query",
        check_query,
        encoded(["list-type=2&max-keys=10&prefix=a%2Fb&encoding-type=url&x", "a=%C3%A9&&b"]),
    ),
    Decoder(
        "target",
        check_target,
        encoded(["127.0.0.1:9000\n/bucket/key%2F//..", "bucket.s3.localhost\n/key", "[::1]:1\n/"]),
    ),
    Decoder("percent-encoding", check_percent_encoding, encoded(["a%20b%C3%A9+~", "é"])),
    Decoder(
        "metadata", check_metadata, encoded(["plain", "é", "=?UTF-8?B?w6k=?= =?us-ascii?q?a=20?="])
    ),
    Decoder("date", check_date, encoded(_DATES)),
    Decoder(
        "numbers-and-digests",
        check_numbers_and_digests,
        encoded(["1024", "1B2M2Y8AsgTpgAmY7PhCfg==", "AAAAAA==", "AAAAAAAAAAA="]),
    ),
    Decoder("admin-user", _check_admin(admin._CreateUser), encoded([_USER])),
    Decoder("admin-change", _check_admin(admin._UpdateUser), encoded(['{"email":null}'])),
    Decoder(
        "admin-access-key",
        _check_admin(admin._CreateAccessKey),
        encoded(['{"access_key_id":"KEY","secret_access_key":"secret-secret"}']),
    ),
]
assert all(first.name != second.name for first, second in pairwise(REQUESTS_ON_THE_WIRE))
