"""The files of a node that runs in a container, beside those of `NodeFiles`.

`container.json` (0600) says which container runs. It is written before there is one, without
an id, so that whatever was cut off is found again. `rucket.toml` and the record hold what must
not be seen by everybody who may ask the engine; the container itself carries no secret.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from rucket_platform.errors import SubstrateError
from rucket_platform.substrates.node_files import write_private

_FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """What was started.

    Attributes:
        container_id: None until it is there.
        image: As in the plan.
        image_id: What that name meant then; None until the container is there.
        bind: The address that its ports are published on.
        config_digest: SHA-256 of the `rucket.toml` that the server read, hex.
    """

    container_id: str | None
    image: str
    image_id: str | None
    bind: str
    config_digest: str


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """The record below one node's directory, and the name of its container."""

    directory: Path

    @property
    def record(self) -> Path:
        """Where `ContainerRecord` lies."""
        return self.directory / "container.json"

    @property
    def container_name(self) -> str:
        """Unique on this machine: the directory identifies the node."""
        place = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        return f"rucket-{self.directory.parent.name}-{self.directory.name}-{place}"

    def read_record(self) -> ContainerRecord | None:
        """Read what was started; None if nothing is recorded or the record is cut off.

        Raises:
            SubstrateError: A newer version wrote it.
        """
        try:
            body = json.loads(self.record.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if body.get("format_version") != _FORMAT_VERSION:
            raise SubstrateError(
                f"{self.record} has format_version {body.get('format_version')}, "
                f"known is {_FORMAT_VERSION}; use the version that wrote it"
            )
        return ContainerRecord(
            container_id=body["container_id"],
            image=str(body["image"]),
            image_id=body["image_id"],
            bind=str(body["bind"]),
            config_digest=str(body["config_digest"]),
        )

    def write_record(self, record: ContainerRecord) -> None:
        """Record what was started, or is about to be."""
        body = {
            "format_version": _FORMAT_VERSION,
            "container_id": record.container_id,
            "image": record.image,
            "image_id": record.image_id,
            "bind": record.bind,
            "config_digest": record.config_digest,
        }
        write_private(self.record, json.dumps(body, indent=2) + "\n")


def hand_over(path: Path, owner: int) -> None:
    """Give `path` and everything below it to a user; only root can."""
    os.chown(path, owner, owner)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(Path(folder) / name, owner, owner, follow_symlinks=False)
