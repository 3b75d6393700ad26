"""From what the service lists to what listing documents show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.hlc import HlcTimestamp
from rucket.service.users import display_name_of
from rucket.wire.xml.documents import ObjectEntry, Owner

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.service.listing import ListedObject


def object_entries(
    gateway: Gateway, objects: list[ListedObject], *, with_owner: bool
) -> list[ObjectEntry]:
    """The entries of a listing; owners are looked up once each."""
    owners = _owners(gateway, objects) if with_owner else {}
    return [_entry(listed, owners.get(listed.metadata.owner_id)) for listed in objects]


def _owners(gateway: Gateway, objects: list[ListedObject]) -> dict[str, Owner]:
    owner_ids = {listed.metadata.owner_id for listed in objects}
    with gateway.index.snapshot() as snapshot:
        return {
            owner_id: Owner(owner_id, display_name_of(gateway.settings, snapshot, owner_id))
            for owner_id in owner_ids
        }


def _entry(listed: ListedObject, owner: Owner | None) -> ObjectEntry:
    metadata = listed.metadata
    checksum = metadata.checksum
    return ObjectEntry(
        key=listed.key,
        last_modified_ms=HlcTimestamp(metadata.hlc).physical_ms,
        etag=metadata.etag,
        size_bytes=metadata.size_bytes,
        storage_class=metadata.storage_class,
        owner=owner,
        checksum_algorithm="" if checksum is None else checksum.algorithm,
        checksum_type="" if checksum is None else checksum.type,
    )
