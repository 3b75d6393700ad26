"""One value of every kind that is written to disk or sent between processes, with all its fields
set. What their bytes are is in the files beside this one."""

from __future__ import annotations

from rucket.daemon.key_register import RegisteredKey, encode_register
from rucket.model.crc32c import crc32c
from rucket.model.encryption import EncryptionRecord, encode_encryption_record
from rucket.model.records import (
    AccessKey,
    BucketInfo,
    BucketStatistics,
    Checksum,
    CompletedUpload,
    Content,
    Extent,
    MultipartUpload,
    ObjectMetadata,
    Part,
    PartSummary,
    ReplicationStatus,
    Retention,
    User,
)
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.ports.index import Table
from rucket.ports.log import LogEntry
from rucket.state import rows
from rucket.state.commands import (
    AbortMultipartUpload,
    ChosenPart,
    Command,
    CompleteMultipartUpload,
    CreateBucket,
    CreateMultipartUpload,
    DeleteAccessKey,
    DeleteBucket,
    DeleteCondition,
    DeleteObject,
    DeleteUser,
    ForgetGarbage,
    PutAccessKey,
    PutObject,
    PutPart,
    PutUser,
    RewrapDataKey,
    WriteCondition,
    encode_command,
)
from rucket.state.outcomes import (
    Committed,
    Conflicted,
    Outcome,
    OutcomeRow,
    Rejected,
    encode_outcome,
    encode_outcome_row,
    idle_row,
)
from rucket.store.backup_manifest import BackupManifest, encode_manifest
from rucket.store.blobs.blob_ids import PackedBirth, packed_blob_id
from rucket.store.blobs.device_records import (
    DeviceIdentity,
    KnownDevice,
    encode_identity,
    encode_registry,
)
from rucket.store.blobs.layout import encode_tail
from rucket.store.blobs.packed.layout import (
    TOMBSTONE,
    RecordHeader,
    encode_record_header,
    encode_segment_header,
)
from rucket.store.blobs.packed.layout import (
    SegmentHeader as PackedSegmentHeader,
)
from rucket.store.blobs.packed.moved_layout import Place, encode_moved_map
from rucket.store.checkpoints.layout import (
    CheckpointHeader,
    TableRow,
    Trailer,
    header_chain,
)
from rucket.store.checkpoints.layout import encode_frame as encode_rows_frame
from rucket.store.log_cursors import encode_log_cursor
from rucket.store.scrub_cursor_file import encode_cursor
from rucket.store.wal.frame import SegmentHeader, encode_frame

ID = bytes(range(16))
OTHER_ID = bytes(range(16, 32))
HLC = (1_790_000_000_000 << 16) | 7
CHECKSUM = Checksum("CRC64NVME", "AAAAAAAAAAA=", "FULL_OBJECT")
CONTENT = Content(None, (Extent(ID, 5_242_880, 1024), Extent(OTHER_ID, 17)))
METADATA = ObjectMetadata(
    version_id=ID,
    hlc=HLC,
    size_bytes=5_242_897,
    etag="d41d8cd98f00b204e9800998ecf8427e-2",
    owner_id="a" * 64,
    content_headers={"content-type": "text/plain", "cache-control": "no-store"},
    user_metadata={"mtime": "1790000000.5"},
    checksum=CHECKSUM,
    parts=(PartSummary(1, 5_242_880, CHECKSUM, OTHER_ID), PartSummary(2, 17)),
    storage_class="STANDARD_IA",
    tags={"k": "v"},
    acl=b"acl",
    retention=Retention("GOVERNANCE", 1_800_000_000_000),
    legal_hold=True,
    encryption=b"encryption",
    placement_group=42,
    home_region="eu",
    replication_status=ReplicationStatus("pending", ("us",), HLC, "because"),
    is_delete_marker=False,
    is_null_version=False,
)
UPLOAD = MultipartUpload(ID, HLC, "a" * 64, METADATA, "CRC32", "COMPOSITE")
PART = Part(HLC, 17, "0cc175b9c0f1b6a831c399e269772661", CHECKSUM, OTHER_ID, ID)
USER = User("alice", "a" * 64, "Alice", "alice@example.com", HLC)
ACCESS_KEY = AccessKey("ALICEKEY", "alice", b"sealed", HLC)
CONDITION = WriteCondition(("etag", "*"), ("other",))

DEVICE = DeviceIdentity("0123456789abcdef", "fedcba9876543210", 3)
DEVICES = (
    KnownDevice(0, "00112233445566ff", "blobs"),
    KnownDevice(3, "fedcba9876543210", "/mnt/a disk/é"),
)

COMMANDS: list[Command] = [
    CreateBucket(ID, "bucket", "a" * 64, "eu-west-1", "eu"),
    DeleteBucket(ID, 7, "bucket"),
    PutObject(ID, 7, "key/é", METADATA, CONTENT, CONDITION, True, "bucket", True),  # noqa: FBT003
    PutObject(ID, 7, "small", METADATA, Content(b"inline")),
    DeleteObject(ID, 7, "key", DeleteCondition("etag", 17, 1_790_000_000), "bucket"),
    CreateMultipartUpload(ID, 7, "key", UPLOAD),
    PutPart(ID, 7, "key", OTHER_ID, 10_000, PART, CONTENT, True),  # noqa: FBT003
    CompleteMultipartUpload(
        ID,
        7,
        "key",
        OTHER_ID,
        (ChosenPart(1, ID),),
        b"digest",
        METADATA,
        CONTENT,
        CONDITION,
        "bucket",
    ),
    AbortMultipartUpload(ID, 7, "key", OTHER_ID),
    PutUser(ID, USER, must_be_new=True),
    DeleteUser(ID, "alice"),
    PutAccessKey(ID, ACCESS_KEY),
    DeleteAccessKey(ID, "alice", "ALICEKEY"),
    ForgetGarbage(ID, (ID, OTHER_ID)),
    RewrapDataKey(ID, 7, "key", OTHER_ID, b"expected", b"record", b"upload"),
]

OUTCOMES: list[Outcome] = [
    Committed(HLC, ID, "etag", True, CHECKSUM),  # noqa: FBT003
    Rejected("NoSuchKey", "message", {"Key": "key"}),
    Conflicted(),
]


PACKED_SEGMENT_ID = bytes(range(6))
PACKED_BODIES = (b"a packed blob", b"one that was deleted", b"m" * 5000)
MOVED_PLACES = {4096: Place(3, OTHER_ID[:6], 8192), 1 << 30: Place(3, ID[6:12], 4096)}


def _packed_segment() -> bytes:
    segment = encode_segment_header(PackedSegmentHeader(3, PACKED_SEGMENT_ID)).ljust(4096, b"\0")
    for body in PACKED_BODIES:
        blob_id = packed_blob_id(PackedBirth(3, PACKED_SEGMENT_ID, len(segment)))
        header = RecordHeader(blob_id, len(body), 131_072, 1_790_000_000_000, (crc32c(body),))
        encoded = encode_record_header(header, PACKED_SEGMENT_ID, len(segment))
        if b"deleted" in body:
            encoded = encoded[:4] + TOMBSTONE + encoded[12:]
        record = encoded + body
        segment += record.ljust(-(-len(record) // 4096) * 4096, b"\0")
    return segment


def golden_bytes() -> dict[str, bytes]:
    """Name of each golden file and what is in it."""
    header = SegmentHeader(3, 1001, 0x1122334455667788, 8192, 0xCAFEBABE)
    entries = [
        LogEntry(1001 + place, HLC + place, encode_command(command))
        for place, command in enumerate(COMMANDS)
    ]
    frame, _ = encode_frame(entries, header.chain, 1000, header.salt)
    files = {
        "wal-segment.v1": header.encode() + frame,
        "packed-segment.v1": _packed_segment(),
        "moved-map.v1": encode_moved_map(PACKED_SEGMENT_ID, MOVED_PLACES),
        "blob-tail.v1": encode_tail(ID, 300_000, [1, 2, 0xFFFFFFFF]),
        "row-object.v1": rows.OBJECT.encode(METADATA),
        "row-content.v1": rows.CONTENT.encode(CONTENT),
        "row-bucket.v1": rows.BUCKET.encode(
            BucketInfo(7, "bucket", "a" * 64, HLC, "eu-west-1", "eu", "Enabled", {"cors": b"<C/>"})
        ),
        "row-statistics.v1": rows.STATISTICS.encode(BucketStatistics(3, 1 << 40, 2)),
        "row-upload.v1": rows.UPLOAD.encode(UPLOAD),
        "row-part.v1": rows.PART.encode(PART),
        "row-completed-upload.v1": rows.COMPLETED_UPLOAD.encode(
            CompletedUpload(7, "key", b"digest", ID, "etag-2", HLC, CHECKSUM, True)  # noqa: FBT003
        ),
        "row-user.v1": rows.USER.encode(USER),
        "row-access-key.v1": rows.ACCESS_KEY.encode(ACCESS_KEY),
    }
    files["scrub-cursor.v1"] = encode_cursor(
        ScrubCursor(1_790_000_000_000, ScrubStage.BLOBS, 0, ID, 8_388_608, 1, 1_789_000_000_000)
    )
    files["log-cursor.v1"] = encode_log_cursor(1_234_567)
    files["row-outcome.v2"] = b"".join(idle_row(7))
    files["backup-manifest.v1"] = encode_manifest(
        BackupManifest(
            "0123456789abcdef",
            1_790_000_000_000,
            71,
            "00000000000000000071.ckpt",
            3,
            452_288,
            {"rucket.json": 1, "keys/sealing.key": 0xFFFFFFFF},
            [ID.hex()],
        )
    )
    checkpoint = CheckpointHeader(1001, HLC)
    rows_of_it: list[TableRow] = [
        (Table.META, b"applied", b"value", b""),
        (Table.OBJECTS, b"key", b"", b"attachment"),
    ]
    rows_frame, chain = encode_rows_frame(rows_of_it, header_chain(checkpoint))
    files["checkpoint.v1"] = checkpoint.encode() + rows_frame + Trailer(chain, 1, 2).encode()
    files |= _of_encryption()
    files["device.v1"] = encode_identity(DEVICE)
    files["device-registry.v1"] = encode_registry(DEVICES)
    for command in COMMANDS:
        name = f"command-{type(command).__name__}.v1"
        files[name] = files.get(name, b"") + encode_command(command)
    for outcome in OUTCOMES:
        files[f"outcome-{type(outcome).__name__}.v1"] = encode_outcome(outcome)
        row = encode_outcome_row(OutcomeRow(7, ID, outcome))
        files["row-outcome.v2"] = files.get("row-outcome.v2", b"") + b"".join(row)
    return files


def _of_encryption() -> dict[str, bytes]:
    record = EncryptionRecord(bytes(range(8)), ID, bytes(range(60)))
    keys = [
        RegisteredKey("0001020304050607", 1_790_000_000_000),
        RegisteredKey("f0f1f2f3f4f5f6f7", 1_790_000_000_001),
    ]
    return {
        "encryption-record.v1": encode_encryption_record(record),
        "key-register.v1": encode_register(keys),
    }
