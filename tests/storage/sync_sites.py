"""The places in the product that sync, found in its source and seen while it runs."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rucket.ports.disk import Buffer, Disk, File

_PRODUCT = Path(rucket.__file__).parent
_SYNCS = ("sync_data", "sync_directory")


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A call in the product.

    Attributes:
        function: its module and qualified name.
        call: the method of the port that is called.
        line: where, so that two calls in one function differ.
    """

    function: str
    call: str
    line: int

    def __str__(self) -> str:
        """For people, and for the ids of tests."""
        return f"{self.function}:{self.call}"


def sites_in_source(*places: str) -> list[Site]:
    """The syncs in modules of the product."""
    found: list[Site] = []
    for place in places:
        path = _PRODUCT / place
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            module = ".".join(source.relative_to(_PRODUCT.parent).with_suffix("").parts)
            found.extend(_calls(ast.parse(source.read_text()), module, ""))
    return sorted(found)


def _calls(tree: ast.AST, module: str, inside: str) -> Iterator[Site]:
    for node in ast.iter_child_nodes(tree):
        name = inside
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{inside}.{node.name}"
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _SYNCS
        ):
            yield Site(module + inside, node.func.attr, node.lineno)
        yield from _calls(node, module, name)


def _caller(call: str) -> Site:
    """The product's code that calls a wrapped port right now."""
    frame = sys._getframe(2)
    module = str(frame.f_globals["__name__"])
    return Site(f"{module}.{frame.f_code.co_qualname}", call, frame.f_lineno)


class SyncWatcher:
    """A disk whose syncs, and renames, somebody else decides about.

    Args:
        disk: the real one.
        decide: is given the site and the call, and makes that call now, later, or never.
    """

    def __init__(self, disk: Disk, decide: Callable[[Site, Callable[[], None]], None]) -> None:
        self._disk = disk
        self._decide = decide
        self.make_directory = disk.make_directory
        self.make_directories = disk.make_directories
        self.capacity_bytes = disk.capacity_bytes
        self.list_directory = disk.list_directory
        self.remove = disk.remove
        self.modified_ms = disk.modified_ms
        self.free_bytes = disk.free_bytes

    def create(self, path: str) -> File:
        """See `Disk.create`."""
        return _WatchedFile(self._disk.create(path), self._decide)

    def create_unnamed(self, directory: str) -> File:
        """See `Disk.create_unnamed`."""
        return _WatchedFile(self._disk.create_unnamed(directory), self._decide)

    def open(self, path: str, *, writable: bool = False) -> File:
        """See `Disk.open`."""
        return _WatchedFile(self._disk.open(path, writable=writable), self._decide)

    def rename(self, source: str, target: str) -> None:
        """See `Disk.rename`."""
        self._decide(_caller("rename"), lambda: self._disk.rename(source, target))

    def sync_directory(self, path: str) -> None:
        """See `Disk.sync_directory`."""
        self._decide(_caller("sync_directory"), lambda: self._disk.sync_directory(path))


class _WatchedFile:
    """A file whose writes and syncs somebody else decides about."""

    def __init__(self, file: File, decide: Callable[[Site, Callable[[], None]], None]) -> None:
        self._file = file
        self._decide = decide
        self.read_at = file.read_at
        self.read_cached_at = file.read_cached_at
        self.allocate = file.allocate
        self.try_lock = file.try_lock
        self.size_bytes = file.size_bytes
        self.link = file.link
        self.close = file.close

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """See `File.write_at`."""
        self._decide(_caller("write_at"), lambda: self._file.write_at(offset, buffers))

    def sync_data(self) -> None:
        """See `File.sync_data`."""
        self._decide(_caller("sync_data"), self._file.sync_data)
