"""Reads the request documents, hardened.

A body is untrusted: its size, depth and number of elements are bounded; a DTD is refused, and with
it every entity but the five of XML itself; it is read as UTF-8 whatever it declares. Names count
without their namespace, since clients leave it out or use an old one. Elements we don't know are
skipped, as S3 does; everything else unexpected is ``MalformedXML``. Source: S3 API Reference,
"DeleteObjects", "CompleteMultipartUpload", "CreateBucket".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from rucket.model.checksums import ChecksumAlgorithm
from rucket.model.errors import MalformedXML, MaxMessageLengthExceeded
from rucket.wire.timestamps import parse_http_date

DELETE_SIZE_BYTES_MAX = 8 * 1024 * 1024
COMPLETE_SIZE_BYTES_MAX = 8 * 1024 * 1024
CREATE_BUCKET_SIZE_BYTES_MAX = 64 * 1024
DELETE_OBJECTS_MAX = 1000
PARTS_MAX = 10_000
_DEPTH_MAX = 16
_ELEMENTS_MAX = 100_000
_DIGITS_MAX = 19
_NAMESPACE_SEPARATOR = " "
_CHECKSUM_ELEMENTS = {f"Checksum{algorithm.value}": algorithm for algorithm in ChecksumAlgorithm}


@dataclass(frozen=True, slots=True)
class ObjectToDelete:
    """An object of a DeleteObjects request, and the conditions on deleting it.

    Args:
        key: as given, not checked for its length.
        version_id: None for the current version.
        etag: without quotes.
        size_bytes: delete only an object of this size.
        last_modified_ms: delete only an object of this time.
    """

    key: str
    version_id: str | None = None
    etag: str | None = None
    size_bytes: int | None = None
    last_modified_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """A DeleteObjects request: 1 to 1,000 objects."""

    objects: tuple[ObjectToDelete, ...]
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class CompletedPart:
    """A part of a CompleteMultipartUpload request; the ETag without quotes, checksums as sent."""

    part_number: int
    etag: str
    checksums: tuple[tuple[ChecksumAlgorithm, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CompleteMultipartUpload:
    """A CompleteMultipartUpload request: 1 to 10,000 parts in the client's order."""

    parts: tuple[CompletedPart, ...]


@dataclass(frozen=True, slots=True)
class CreateBucketConfiguration:
    """A CreateBucket request; None stands for no constraint."""

    location_constraint: str | None = None


def read_delete(body: bytes) -> Delete:
    """Read a DeleteObjects request.

    Raises:
        MalformedXML: it isn't one, or has no object, or more than 1,000.
        MaxMessageLengthExceeded: it is longer than ``DELETE_SIZE_BYTES_MAX``.
    """
    root = _parse(body, "Delete", DELETE_SIZE_BYTES_MAX)
    objects = root.children_named("Object")
    if not 1 <= len(objects) <= DELETE_OBJECTS_MAX:
        raise MalformedXML
    quiet = root.optional_text("Quiet")
    return Delete(
        tuple(_object_to_delete(element) for element in objects),
        is_quiet=quiet is not None and _boolean(quiet),
    )


def read_complete_multipart_upload(body: bytes) -> CompleteMultipartUpload:
    """Read a CompleteMultipartUpload request.

    Raises:
        MalformedXML: it isn't one, or has no part, or more than 10,000.
        MaxMessageLengthExceeded: it is longer than ``COMPLETE_SIZE_BYTES_MAX``.
    """
    root = _parse(body, "CompleteMultipartUpload", COMPLETE_SIZE_BYTES_MAX)
    parts = root.children_named("Part")
    if not 1 <= len(parts) <= PARTS_MAX:
        raise MalformedXML
    return CompleteMultipartUpload(tuple(_completed_part(element) for element in parts))


def read_create_bucket_configuration(body: bytes) -> CreateBucketConfiguration:
    """Read the body of a CreateBucket request, which may be empty.

    Raises:
        MalformedXML: it isn't one.
        MaxMessageLengthExceeded: it is longer than ``CREATE_BUCKET_SIZE_BYTES_MAX``.
    """
    if not body.strip():
        return CreateBucketConfiguration()
    root = _parse(body, "CreateBucketConfiguration", CREATE_BUCKET_SIZE_BYTES_MAX)
    location = root.optional_text("LocationConstraint")
    return CreateBucketConfiguration(None if location is None else location.strip() or None)


@dataclass(slots=True)
class _Element:
    """An element while and after it is read; either text or children mean something."""

    name: str
    text: str = ""
    children: list[_Element] = field(default_factory=list)

    def children_named(self, name: str) -> list[_Element]:
        """The children of that name, in order; text beside them isn't expected."""
        if self.text.strip():
            raise MalformedXML
        return [child for child in self.children if child.name == name]

    def optional_text(self, name: str) -> str | None:
        """The text of the one child of that name, None when there is none."""
        found = self.children_named(name)
        if not found:
            return None
        if len(found) > 1 or found[0].children:
            raise MalformedXML
        return found[0].text

    def required_text(self, name: str) -> str:
        """The text of the one child of that name, which can't be empty."""
        text = self.optional_text(name)
        if not text:
            raise MalformedXML
        return text


class _TreeBuilder:
    """Collects what expat reports into one tree, within the limits."""

    def __init__(self) -> None:
        self.root: _Element | None = None
        self._open: list[tuple[_Element, list[str]]] = []  # elements and the pieces of their text
        self._element_count = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._element_count += 1
        if self._element_count > _ELEMENTS_MAX or len(self._open) >= _DEPTH_MAX:
            raise MalformedXML
        element = _Element(name.rpartition(_NAMESPACE_SEPARATOR)[2])
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self.root = element
        self._open.append((element, []))

    def end(self, _name: str) -> None:
        element, pieces = self._open.pop()
        element.text = "".join(pieces)

    def text(self, data: str) -> None:
        self._open[-1][1].append(data)


def _refuse(*_declaration: object) -> NoReturn:
    raise MalformedXML


def _parse(body: bytes, root_name: str, size_bytes_max: int) -> _Element:
    if len(body) > size_bytes_max:
        raise MaxMessageLengthExceeded(MaxMessageLengthBytes=str(size_bytes_max))
    builder = _TreeBuilder()
    parser = expat.ParserCreate("utf-8", _NAMESPACE_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(body, True)  # noqa: FBT003 -- expat's signature
    except expat.ExpatError as error:
        raise MalformedXML from error
    if builder.root is None or builder.root.name != root_name:
        raise MalformedXML
    return builder.root


def _object_to_delete(element: _Element) -> ObjectToDelete:
    etag = element.optional_text("ETag")
    size = element.optional_text("Size")
    last_modified = element.optional_text("LastModifiedTime")
    last_modified_ms = None
    if last_modified is not None:
        last_modified_ms = parse_http_date(last_modified.strip())
        if last_modified_ms is None:
            raise MalformedXML
    return ObjectToDelete(
        key=element.required_text("Key"),
        version_id=element.optional_text("VersionId") or None,
        etag=None if etag is None else _unquoted(etag),
        size_bytes=None if size is None else _number(size),
        last_modified_ms=last_modified_ms,
    )


def _completed_part(element: _Element) -> CompletedPart:
    part_number = _number(element.required_text("PartNumber"))
    if not 1 <= part_number <= PARTS_MAX:
        raise MalformedXML
    checksums = tuple(
        (_CHECKSUM_ELEMENTS[child.name], child.text.strip())
        for child in element.children
        if child.name in _CHECKSUM_ELEMENTS and child.text
    )
    return CompletedPart(part_number, _unquoted(element.required_text("ETag")), checksums)


def _unquoted(etag: str) -> str:
    return etag.strip().strip('"')


def _number(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _DIGITS_MAX:
        raise MalformedXML
    return int(digits)


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in {"true", "false"}:
        raise MalformedXML
    return word == "true"
