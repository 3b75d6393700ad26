"""What is made knows where it belongs, from the first day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service.copying import CopyPlan, copy_object
from rucket.service.multipart import UploadName, create_upload, pending_upload
from rucket.service.objects import new_metadata
from rucket.state.commands import WriteCondition
from tests.unit.service.actions import DESCRIPTION, find, finder, put
from tests.unit.service.world import OWNER_ID, World

if TYPE_CHECKING:
    from rucket.model.records import ObjectMetadata


def _plan(_: ObjectMetadata) -> CopyPlan:
    return CopyPlan(new_metadata(DESCRIPTION, OWNER_ID))


def test_objects_copies_and_uploads_have_a_placement_group_and_a_home() -> None:
    """The group of their own key, and the region in which they were made."""
    world = World()

    async def scenario() -> ObjectMetadata:
        await put(world, "key", b"data")
        await copy_object(
            world.gateway, finder(world, "key"), world.bucket, "copy", _plan, WriteCondition()
        )
        template = new_metadata(DESCRIPTION, OWNER_ID)
        upload_id = await create_upload(
            world.gateway, world.bucket, "upload", template, OWNER_ID, None
        )
        with world.index.snapshot() as snapshot:
            return pending_upload(snapshot, UploadName(world.bucket, "upload", upload_id)).template

    made = {"upload": world.run(scenario()), "key": find(world, "key"), "copy": find(world, "copy")}

    for key, metadata in made.items():
        expected = world.gateway.placement.compute_placement(world.bucket.bucket_id, key)
        assert metadata.placement_group == expected, key
        assert metadata.home_region == world.gateway.settings.region, key
    assert len({metadata.placement_group for metadata in made.values()}) == len(made)
