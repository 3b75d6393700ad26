"""Checking the segments of packed blobs of a stopped server, and the maps of what was moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.daemon.offline_report import Area
from rucket.store.blobs.packed.inspection import check_all_segments

if TYPE_CHECKING:
    from rucket.daemon.offline_index_check import IndexCheck
    from rucket.daemon.offline_report import Progress, VerifyReport
    from rucket.store.blobs.packed.packed_blobs import PackedBlobs


def check_segments(
    packed: PackedBlobs, index: IndexCheck, report: VerifyReport, progress: Progress
) -> None:
    """Looks at all of them; what rows name is read, block by block, by `check_blobs`."""
    check = check_all_segments(packed, lambda done, total: progress("segments", done, total))
    for what, detail in check.problems:
        report.add(Area.SEGMENTS, what, detail)
    for segment_id, blob_ids in sorted(check.lost.items()):
        named = sum(
            blob_id in index.references or blob_id in index.reference_rows for blob_id in blob_ids
        )
        if named:
            what = f"map of segment {segment_id.hex()}"
            report.add(Area.SEGMENTS, what, f"it doesn't say where {named} blobs are")
    if check.unreadable_count:
        report.notes.append(
            f"{check.unreadable_count} records of segments can't be read; a crash may have left "
            "them, and those that objects need are listed as problems"
        )
    seen = report.figures.setdefault("segments", {})  # of the devices before
    for name, figure in (
        ("segments", check.segment_count),
        ("live_bytes", check.live_bytes),
        ("dead_bytes", check.dead_bytes),
    ):
        seen[name] = seen.get(name, 0) + figure
