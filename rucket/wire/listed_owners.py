"""The owners that a listing shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.users import display_name_of
from rucket.wire.xml.documents import Owner

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway
    from rucket.service.listing import ListedObject


def owners_of(gateway: Gateway, objects: list[ListedObject]) -> dict[str, Owner]:
    """Who the objects of a page belong to, by canonical id; each is looked up once."""
    owner_ids = {summary.owner_id for _, summary in objects}
    with gateway.index.snapshot() as snapshot:
        return {
            owner_id: Owner(owner_id, display_name_of(gateway.settings, snapshot, owner_id))
            for owner_id in owner_ids
        }
