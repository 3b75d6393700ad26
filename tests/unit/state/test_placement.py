"""Placement groups."""

from __future__ import annotations

from collections import Counter

import pytest

from rucket.state.placement import PLACEMENT_GROUP_COUNT, SingleNodePlacement

_POLICY = SingleNodePlacement("node-1")


@pytest.mark.parametrize(
    ("bucket_id", "key", "placement_group"),
    [
        (1, "", 696),
        (1, "key", 504),
        (2, "key", 295),
        (2**64 - 1, "k" * 1024, 573),
        (7, "é/\0/\U0001f600", 436),
    ],
    ids=["empty", "plain", "other bucket", "longest", "any text"],
)
def test_the_group_of_an_object_is_what_it_ever_was(
    bucket_id: int, key: str, placement_group: int
) -> None:
    """Golden values: the group is stored with the object."""
    assert _POLICY.compute_placement(bucket_id, key) == placement_group


def test_objects_spread_evenly_over_groups() -> None:
    """No group has far more of them than its share."""
    per_group = 100
    counts = Counter(
        _POLICY.compute_placement(1, f"photos/{number:08}.jpg")
        for number in range(per_group * PLACEMENT_GROUP_COUNT)
    )

    assert len(counts) == PLACEMENT_GROUP_COUNT
    assert max(counts.values()) < 1.6 * per_group
    assert min(counts.values()) > 0.5 * per_group


def test_every_group_is_on_the_one_node() -> None:
    """And what is no group is nowhere."""
    groups = range(PLACEMENT_GROUP_COUNT)
    assert {_POLICY.nodes_for_placement_group(group) for group in groups} == {("node-1",)}
    for wrong in (-1, PLACEMENT_GROUP_COUNT):
        with pytest.raises(ValueError, match="no placement group"):
            _POLICY.nodes_for_placement_group(wrong)
