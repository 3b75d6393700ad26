"""Files with known content: the same bytes for the same name, compared by their hashes."""

import hashlib
import os
import random
from collections.abc import Iterable
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB

ODD_NAMES = (
    "plain.txt",
    "with space.txt",
    "two  spaces.txt",
    "plus+sign.txt",
    "percent%20.txt",
    "percent%.txt",
    "quote'single.txt",
    'quote"double.txt',
    "ampersand&and=equals.txt",
    "hash#question?.txt",
    "semi;colon,comma.txt",
    "brackets[1](2){3}.txt",
    "tilde~at@excl!star.txt",
    "umlaut-äöüß.txt",
    "cjk-漢字.txt",
    "emoji-🪣.txt",
    "deep/er/folder/file.txt",
    "folder with space/ünïcode+plus%25.txt",
)

_AGE_S = 60


def content(name: str, size_bytes: int) -> bytes:
    """Bytes that look random, the same for the same name and size."""
    return random.Random(f"{name}/{size_bytes}").randbytes(size_bytes)


def write_file(path: Path, size_bytes: int) -> str:
    """Write `path` with the content of its name and return the hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content(path.name, size_bytes)
    path.write_bytes(data)
    # S3 tells times in whole seconds: a file of this very second looks newer than its own upload
    # to a client that syncs by time.
    modified_s = path.stat().st_mtime - _AGE_S
    os.utime(path, (modified_s, modified_s))
    return digest(data)


def write_tree(root: Path, names: Iterable[str], size_bytes: int = 1000) -> dict[str, str]:
    """Write a file for each name below `root`; return the hashes as `tree_digests` does."""
    return {name: write_file(root / name, size_bytes + number) for number, name in enumerate(names)}


def tree_digests(root: Path) -> dict[str, str]:
    """Hash of every file below `root` by its path relative to it, with `/`."""
    return {
        path.relative_to(root).as_posix(): file_digest(path)
        for path in root.rglob("*")
        if path.is_file()
    }


def digest(data: bytes) -> str:
    """SHA-256 in hex digits."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
