"""The JSON in which S3 tells of events. Pure.

Source: S3 User Guide, "Event message structure", version 2.1. What isn't recorded in the log (who
asked, from where) is there, but empty.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from rucket.model.hlc import HlcTimestamp
from rucket.state.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.state.events import Event

_EVENT_VERSION = "2.1"
_SCHEMA_VERSION = "1.0"
_CONFIGURATION_ID = "rucket"
_MS_PER_S = 1000


def notification(events: Sequence[Event], region: str, node_id: str) -> bytes:
    """The message that tells of `events`, in order."""
    records = [_record(event, region, node_id) for event in events]
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def _record(event: Event, region: str, node_id: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "s3SchemaVersion": _SCHEMA_VERSION,
        "configurationId": _CONFIGURATION_ID,
        "bucket": {
            "name": event.bucket,
            "ownerIdentity": {"principalId": event.owner_id},
            "arn": f"arn:aws:s3:::{event.bucket}",
        },
    }
    if event.kind not in {EventKind.BUCKET_CREATED, EventKind.BUCKET_DELETED}:
        described["object"] = _object(event)
    return {
        "eventVersion": _EVENT_VERSION,
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": _time(event.hlc),
        "eventName": event.kind.value,
        "userIdentity": {"principalId": ""},
        "requestParameters": {"sourceIPAddress": ""},
        "responseElements": {
            "x-amz-request-id": event.commit_id.hex(),
            "x-amz-id-2": node_id,
        },
        "s3": described,
    }


def _object(event: Event) -> dict[str, Any]:
    described: dict[str, Any] = {"key": quote_plus(event.key)}
    if event.kind is not EventKind.OBJECT_DELETED:
        described["size"] = event.size_bytes
        described["eTag"] = event.etag
    # Of two events of a key, the one with the greater sequencer happened later.
    described["sequencer"] = f"{event.hlc:016X}"
    return described


def _time(hlc: int) -> str:
    milliseconds = HlcTimestamp(hlc).physical_ms
    moment = datetime.fromtimestamp(milliseconds // _MS_PER_S, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % _MS_PER_S:03}Z"
