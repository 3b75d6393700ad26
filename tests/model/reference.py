"""What the store should be, in dictionaries: small enough to be obviously right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

PART_SIZE_BYTES_MIN = 5 * 1024 * 1024


@dataclass(frozen=True)
class ModelObject:
    """An object: its bytes and its entity tag."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class Refused:
    """What a client is told who can't have what it wants: an S3 error code."""

    code: str


@dataclass
class ModelUpload:
    """A pending upload."""

    key: str
    parts: dict[int, ModelObject] = field(default_factory=dict)


@dataclass
class ModelBucket:
    """A bucket."""

    owner: str
    objects: dict[str, ModelObject] = field(default_factory=dict)
    uploads: dict[bytes, ModelUpload] = field(default_factory=dict)


@dataclass(frozen=True)
class ListedPage:
    """A page of a listing."""

    keys: list[str]
    common_prefixes: list[str]
    next_after: str | None


@dataclass
class Reference:
    """The store: buckets by name; e-mail addresses and access keys of users by name."""

    buckets: dict[str, ModelBucket] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    access_keys: dict[str, str] = field(default_factory=dict)

    def object_count(self) -> int:
        """In all buckets."""
        return sum(len(bucket.objects) for bucket in self.buckets.values())

    def create_bucket(self, name: str, owner: str) -> Refused | None:
        """Makes a bucket, or leaves the owner's own as it is."""
        existing = self.buckets.setdefault(name, ModelBucket(owner))
        return None if existing.owner == owner else Refused("BucketAlreadyExists")

    def delete_bucket(self, name: str) -> Refused | None:
        """Removes an empty bucket with its uploads."""
        if self.buckets[name].objects:
            return Refused("BucketNotEmpty")
        del self.buckets[name]
        return None

    def put(
        self,
        bucket: ModelBucket,
        key: str,
        data: ModelObject,
        if_match: str = "",
        if_none_match: str = "",
    ) -> Refused | None:
        """Puts an object, if it may be put. ``*`` stands for any entity tag, empty for none."""
        current = bucket.objects.get(key)
        if if_match and current is None:
            return Refused("NoSuchKey")
        if if_match and current is not None and if_match not in ("*", current.etag):
            return Refused("PreconditionFailed")
        if current is not None and if_none_match in ("*", current.etag):
            return Refused("PreconditionFailed")
        bucket.objects[key] = data
        return None

    def complete(
        self, bucket: ModelBucket, upload_id: bytes, numbers: list[int]
    ) -> ModelObject | Refused:
        """Makes an object of parts of an upload."""
        upload = bucket.uploads[upload_id]
        if not all(number in upload.parts for number in numbers):
            return Refused("InvalidPart")
        chosen = [upload.parts[number] for number in numbers]
        if any(len(part.data) < PART_SIZE_BYTES_MIN for part in chosen[:-1]):
            return Refused("EntityTooSmall")
        whole = multipart_object(chosen)
        bucket.objects[upload.key] = whole
        del bucket.uploads[upload_id]
        return whole

    def create_user(self, name: str, email: str, access_key_id: str) -> Refused | None:
        """Makes a user with an access key."""
        if name in self.users or (email and email in self.users.values()):
            return Refused("UserAlreadyExists")
        if access_key_id in self.access_keys:
            return Refused("UserAlreadyExists")
        self.users[name] = email
        self.access_keys[access_key_id] = name
        return None

    def delete_user(self, name: str) -> Refused | None:
        """Removes a user with all access keys."""
        if name not in self.users:
            return Refused("NoSuchUser")
        if any(bucket.owner == name for bucket in self.buckets.values()):
            return Refused("UserOwnsBuckets")
        del self.users[name]
        self.access_keys = {key: of for key, of in self.access_keys.items() if of != name}
        return None


def new_object(data: bytes) -> ModelObject:
    """The object that a PUT of `data` makes."""
    return ModelObject(data, hashlib.md5(data, usedforsecurity=False).hexdigest())


def multipart_object(parts: list[ModelObject]) -> ModelObject:
    """The object that parts make."""
    md5s = b"".join(bytes.fromhex(part.etag) for part in parts)
    digest = hashlib.md5(md5s, usedforsecurity=False).hexdigest()
    return ModelObject(b"".join(part.data for part in parts), f"{digest}-{len(parts)}")


def list_page(keys: list[str], prefix: str, delimiter: str, after: str, limit: int) -> ListedPage:
    """A page of the listing of these keys."""
    common_prefixes = set()
    entries = set()
    for key in keys:
        if not key.startswith(prefix):
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            entries.add(key)
        else:
            common_prefixes.add(key[: end + len(delimiter)])
    following = sorted(
        (entry for entry in entries | common_prefixes if entry.encode() > after.encode()),
        key=str.encode,
    )
    page = following[:limit]
    return ListedPage(
        [entry for entry in page if entry in entries],
        [entry for entry in page if entry in common_prefixes],
        page[-1] if page and len(following) > limit else None,
    )
