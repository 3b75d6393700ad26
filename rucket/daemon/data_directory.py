"""The data directory: where things are in it, and whose it is.

::

    LOCK                 held by the supervisor of the one server that uses it
    rucket.json          format_version, node id, when it was made, and a check of these
    keys/sealing.key     32 bytes that secrets are encrypted under, if the configuration has none
    keys/encryption.json which master keys objects may be encrypted under, by id
    wal/                 the log
    wal-repaired/        a new log, while `rucket repair log` makes it
    wal-replaced/        what that command has moved out of the way
    index/index.db       the index
    checkpoints/         all rows of the index at two positions of the log
    devices.json         the devices that the bytes of objects are on
    blobs/               device 0: the bytes of objects
    quarantine/          damaged blobs, moved out of the way, each with a report
    state/scrub.json     how far the scrubber has come
    state/cursors/       how far consumers of the log have come
    state/garbage.lock   locked by backups, so that no blob goes meanwhile
    run/                 sockets and metrics of the running server; emptied at every start
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, DataDirectoryError, UnknownFormatError
from rucket.store.blobs.device_preparation import DevicePlaces

if TYPE_CHECKING:
    from rucket.ports.clock import Clock
    from rucket.ports.disk import Disk
    from rucket.ports.random import Random

DATA_DIRECTORY_FORMAT_VERSION = 1
SEALING_KEY_SIZE_BYTES = 32


def _check(fields: dict[str, object]) -> int:
    return crc32c(json.dumps(fields, sort_keys=True).encode())


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What ``rucket.json`` says."""

    format_version: int
    node_id: str
    created_ms: int


class DataDirectory:
    """Paths below `root`, and the two small files that are made once."""

    def __init__(self, root: str, disk: Disk) -> None:
        self._disk = disk
        self.root = root
        self.log = posixpath.join(root, "wal")
        self.repaired_log = posixpath.join(root, "wal-repaired")
        self.replaced_logs = posixpath.join(root, "wal-replaced")
        self.index = posixpath.join(root, "index", "index.db")
        self.checkpoints = posixpath.join(root, "checkpoints")
        self.devices = DevicePlaces(
            root,
            registry=posixpath.join(root, "devices.json"),
            marks=posixpath.join(root, "run", "devices"),
        )
        self.quarantine = posixpath.join(root, "quarantine")
        self.key_register = posixpath.join(root, "keys", "encryption.json")
        self.scrub_cursor = posixpath.join(root, "state", "scrub.json")
        self.log_cursors = posixpath.join(root, "state", "cursors")
        self.garbage_gate = posixpath.join(root, "state", "garbage.lock")
        self.leases = posixpath.join(root, "run", "leases")
        self.node_socket = posixpath.join(root, "run", "node.sock")
        self._identity = posixpath.join(root, "rucket.json")
        self._sealing_key = posixpath.join(root, "keys", "sealing.key")

    def prepare(self, clock: Clock, random: Random) -> NodeIdentity:
        """Makes what is missing, and says whose directory it is.

        Raises:
            DataDirectoryError: it has data but no identity: it isn't ours, or is damaged; or a
                repair of its log was interrupted.
            UnknownFormatError: a newer Rucket made it.
        """
        for path in (self._identity, self._sealing_key, self.index, self.node_socket):
            self._disk.make_directory(posixpath.dirname(path))
        self._refuse_half_repaired()
        try:
            identity = self.read_identity()
            self._keep_name(self._identity)
        except FileNotFoundError:
            self._refuse_foreign_data()
            identity = NodeIdentity(
                DATA_DIRECTORY_FORMAT_VERSION, random.token_bytes(8).hex(), clock.wall_ms()
            )
            fields = asdict(identity)
            text = json.dumps({**fields, "check": _check(fields)}, indent=2) + "\n"
            self._make(self._identity, text.encode())
        return identity

    def read_identity(self) -> NodeIdentity:
        """What `prepare` wrote.

        Raises:
            FileNotFoundError: nobody has prepared it yet.
            CorruptionError: it isn't what was written.
            UnknownFormatError: a newer Rucket made it.
        """
        text = self._read(self._identity)
        try:
            fields = json.loads(text)
            format_version = int(fields["format_version"])
            if format_version != DATA_DIRECTORY_FORMAT_VERSION:
                raise UnknownFormatError(
                    self._identity, format_version, DATA_DIRECTORY_FORMAT_VERSION
                )
            check = fields.pop("check", None)  # the first ones had none
            if check is not None and check != _check(fields):
                raise CorruptionError(self._identity, "its check doesn't fit")
            return NodeIdentity(format_version, str(fields["node_id"]), int(fields["created_ms"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptionError(self._identity, "it isn't what was written") from error

    def make_sealing_key(self, random: Random) -> bytes:
        """The sealing key of this directory, made if it is missing.

        Raises:
            CorruptionError: the file has another size.
        """
        try:
            key = self.read_sealing_key()
        except FileNotFoundError:
            key = random.token_bytes(SEALING_KEY_SIZE_BYTES)
            self._make(self._sealing_key, key)
        else:
            self._keep_name(self._sealing_key)
        return key

    def read_sealing_key(self) -> bytes:
        """The sealing key of this directory.

        Raises:
            FileNotFoundError: nobody has made it yet.
            CorruptionError: the file has another size.
        """
        key = self._read(self._sealing_key)
        if len(key) != SEALING_KEY_SIZE_BYTES:
            raise CorruptionError(self._sealing_key, f"it has {len(key)} bytes")
        return key

    def _refuse_half_repaired(self) -> None:
        names = self._disk.list_directory(self.root)
        if posixpath.basename(self.repaired_log) in names and "wal" not in names:
            raise DataDirectoryError(
                f"a repair of the log of {self.root} was interrupted before the new one was in "
                f"its place: rucket repair log -d {self.root} --yes finishes it"
            )

    def _refuse_foreign_data(self) -> None:
        for name in ("wal", "blobs"):
            if name in self._disk.list_directory(self.root):
                raise DataDirectoryError(
                    f"{self.root} has a {name} directory but no rucket.json: restore that file, "
                    "or choose an empty data_dir"
                )

    def _read(self, path: str) -> bytes:
        file = self._disk.open(path)
        try:
            return file.read_at(0, file.size_bytes())
        finally:
            file.close()

    def _keep_name(self, path: str) -> None:
        """Makes the name of a file durable before it is used: who made it may have been killed
        in between, and a power cut would take the name, and what it was used for, away.
        """
        self._disk.sync_directory(posixpath.dirname(path))

    def _make(self, path: str, content: bytes) -> None:
        """Makes a file that is there whole, durably, or not at all."""
        directory = posixpath.dirname(path)
        file = self._disk.create_unnamed(directory)
        try:
            file.write_at(0, [content])
            file.sync_data()
            file.link(path)
        finally:
            file.close()
        self._disk.sync_directory(directory)
