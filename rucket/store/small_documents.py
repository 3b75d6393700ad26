"""Small documents: versioned, checked, each in a file of its own that is replaced as a whole.

::

    {"format_version": 1, "check": CRC32C of the JSON of the content, keys sorted, NAME: content}

The one module that knows how they are written. What is in them, and what they are called, is the
business of those who have one.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.disk import Disk

_UNFINISHED_SUFFIX: Final = ".new"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DocumentFormat:
    """A kind of document.

    Attributes:
        format_version: that is written, and the only one that is read.
        content_name: what the content is called in it.
    """

    format_version: int
    content_name: str

    def encode(self, content: object) -> bytes:
        """The bytes of a document; `content` is made of what JSON knows."""
        document = {
            "format_version": self.format_version,
            "check": _check(content),
            self.content_name: content,
        }
        return json.dumps(document, indent=2).encode() + b"\n"

    def decode(self, text: bytes, name: str, interpret: Callable[[Any], T]) -> T:
        """What `encode` made `text` of.

        Args:
            text: of the file.
            name: what the file is called, for errors.
            interpret: makes a value of the content; it may raise ValueError, KeyError and TypeError
                where that isn't what it knows.

        Raises:
            CorruptionError: it isn't what was written.
            UnknownFormatError: a newer Rucket wrote it.
        """
        try:
            document = json.loads(text)
            format_version = int(document["format_version"])
            if format_version != self.format_version:
                raise UnknownFormatError(name, format_version, self.format_version)
            content = document[self.content_name]
            if document["check"] != _check(content):
                raise CorruptionError(name, "its check doesn't fit")
            return interpret(content)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CorruptionError(name, "it isn't what was written") from error


def _check(content: object) -> int:
    return crc32c(json.dumps(content, sort_keys=True).encode())


def read_small_file(disk: Disk, path: str) -> bytes:
    """All of a small file. Blocks.

    Raises:
        FileNotFoundError: there is none.
        DeviceError: it can't be read.
    """
    file = disk.open(path)
    try:
        return file.read_at(0, file.size_bytes())
    finally:
        file.close()


def replace_small_file(disk: Disk, path: str, data: bytes) -> None:
    """Writes a small file, whose directory is there. A crash leaves what was there before, or this;
    durable on return. Blocks.

    Raises:
        StorageFullError, DeviceError: it can't be written; what was there still is.
    """
    unfinished = path + _UNFINISHED_SUFFIX
    with contextlib.suppress(FileNotFoundError):
        disk.remove(unfinished)
    file = disk.create(unfinished)
    try:
        file.write_at(0, [data])
        # Before it gets its name: under that there is only what is whole.
        file.sync_data()
    finally:
        file.close()
    disk.rename(unfinished, path)
    disk.sync_directory(posixpath.dirname(path))
