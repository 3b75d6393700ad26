"""s3fs: an S3 bucket as a file system. Source: the fsspec and s3fs documentation."""

import contextlib
from typing import Any

import s3fs  # type: ignore[import-not-found]

from tests.clients.file_trees import KIB, MIB, content, digest, tree_digests, write_tree
from tests.clients.scenarios.session import Session

BLOCK_SIZE_BYTES = 5 * MIB


def writes_and_reads_a_large_file(session: Session) -> None:
    """A file larger than a block goes up in parts and reads back whole and by seeking."""
    fs = _file_system(session)
    data = content("large", 3 * BLOCK_SIZE_BYTES + 12345)
    path = f"{session.bucket}/data/large.bin"
    with fs.open(path, "wb", block_size=BLOCK_SIZE_BYTES) as file:
        for start in range(0, len(data), MIB):
            file.write(data[start : start + MIB])

    assert fs.size(path) == len(data)
    with fs.open(path, "rb", block_size=BLOCK_SIZE_BYTES) as file:
        assert digest(file.read()) == digest(data)
        for place in (0, len(data) - 10, BLOCK_SIZE_BYTES - 5, 777):
            file.seek(place)
            assert file.read(10) == data[place : place + 10], place


def lists_finds_and_walks(session: Session) -> None:
    """ls, glob, find and walk see folders and files as a file system has them."""
    fs = _file_system(session)
    names = ["a.txt", "one/b.txt", "one/c d.csv", "one/two/ü+%25.csv", "three/e.csv"]
    fs.pipe({f"{session.bucket}/{name}": content(name, 100) for name in names})
    root = session.bucket

    assert sorted(fs.ls(root, detail=False)) == [f"{root}/{n}" for n in ("a.txt", "one", "three")]
    assert sorted(fs.glob(f"{root}/one/*.csv")) == [f"{root}/one/c d.csv"]
    assert sorted(fs.glob(f"{root}/**/*.csv")) == [f"{root}/{name}" for name in names[2:]]
    assert sorted(fs.find(root)) == [f"{root}/{name}" for name in names]
    walked = {folder: sorted(files) for folder, _, files in fs.walk(root)}
    assert walked[f"{root}/one"] == ["b.txt", "c d.csv"]
    assert fs.isdir(f"{root}/one")
    assert fs.isfile(f"{root}/a.txt")
    assert not fs.exists(f"{root}/missing")
    assert fs.du(root) == 500


def renames_copies_and_removes(session: Session) -> None:
    """A file is moved, a tree copied, a tree removed."""
    fs = _file_system(session)
    root = session.bucket
    fs.pipe({f"{root}/tree/{n}": content(str(n), 2 * KIB) for n in range(20)})
    fs.rename(f"{root}/tree/0", f"{root}/moved")
    fs.copy(f"{root}/tree/", f"{root}/copy/", recursive=True)
    copied = fs.find(f"{root}/copy")
    fs.rm(f"{root}/tree", recursive=True)
    fs.invalidate_cache()

    assert fs.cat(f"{root}/moved") == content("0", 2 * KIB)
    assert len(copied) == 19
    assert fs.find(f"{root}/tree") == []
    assert fs.cat(f"{root}/copy/7") == content("7", 2 * KIB)


def uploads_and_downloads_a_tree(session: Session) -> None:
    """A tree of files goes there and back unchanged."""
    fs = _file_system(session)
    sent = write_tree(session.path("up"), [f"{n % 3}/file {n}.bin" for n in range(30)])
    fs.put(f"{session.path('up')}/", f"{session.bucket}/tree/", recursive=True)
    fs.get(f"{session.bucket}/tree/", f"{session.path('down')}/", recursive=True)

    assert tree_digests(session.path("down")) == sent


def reads_many_ranges_at_once(session: Session) -> None:
    """cat_ranges and cat_file give exactly the bytes asked for."""
    fs = _file_system(session)
    data = content("ranges", 500 * KIB)
    path = f"{session.bucket}/ranges"
    fs.pipe_file(path, data)
    starts = list(range(0, 400 * KIB, 37 * KIB))
    ends = [start + 1000 for start in starts]
    found = fs.cat_ranges([path] * len(starts), starts, ends)

    assert found == [data[start:end] for start, end in zip(starts, ends, strict=True)]
    assert fs.cat_file(path, start=-100) == data[-100:]
    assert fs.head(path, 10) == data[:10]
    assert fs.tail(path, 10) == data[-10:]


def shows_a_transaction_when_it_ends(session: Session) -> None:
    """Files of a transaction appear together at its end; those of a failed one never do."""
    fs = _file_system(session)
    large = content("large", BLOCK_SIZE_BYTES + 1)
    kept, dropped = (f"{session.bucket}/{name}" for name in ("kept", "dropped"))
    with fs.transaction:
        with fs.open(kept, "wb") as file:
            file.write(large)
        assert not _fresh(session).exists(kept)
    with contextlib.suppress(InterruptedError), fs.transaction:
        with fs.open(dropped, "wb") as file:
            file.write(large)
        _interrupt()

    assert digest(_fresh(session).cat(kept)) == digest(large)
    assert not _fresh(session).exists(dropped)


def keeps_metadata_and_signs_urls(session: Session) -> None:
    """An empty file is made, metadata set on a file by copying it onto itself, a URL signed."""
    fs = _file_system(session)
    path = f"{session.bucket}/file"
    fs.touch(path)
    assert fs.size(path) == 0
    with fs.open(path, "wb") as file:
        file.write(b"bytes")
    fs.setxattr(path, colour="blue")

    assert fs.getxattr(path, "colour") == "blue"
    assert fs.cat(path) == b"bytes"
    assert fs.sign(path, expiration=60).startswith(session.endpoint)
    assert fs.info(path)["size"] == 5


def refuses_what_must_be_refused(session: Session) -> None:
    """A missing file, a missing bucket, a wrong secret and another user's bucket are errors."""
    _file_system(session).pipe_file(f"{session.bucket}/mine", b"mine")
    missing = f"{session.bucket[:50]}-missing/file"
    cases = [
        (FileNotFoundError, session.access_key, session.secret_key, f"{session.bucket}/nothing"),
        (FileNotFoundError, session.access_key, session.secret_key, missing),
        (PermissionError, session.access_key, "wrong secret", f"{session.bucket}/mine"),
        (
            PermissionError,
            session.stranger_access_key,
            session.stranger_secret_key,
            f"{session.bucket}/mine",
        ),
    ]
    for expected, access_key, secret_key, path in cases:
        try:
            _file_system_for(session, access_key, secret_key).cat(path)
        except expected:
            continue
        raise AssertionError(f"no {expected.__name__} for {path}")


def _file_system(session: Session) -> Any:
    return _file_system_for(session, session.access_key, session.secret_key)


def _fresh(session: Session) -> Any:
    fs = _file_system(session)
    fs.invalidate_cache()
    return fs


def _file_system_for(session: Session, access_key: str, secret_key: str) -> Any:
    return s3fs.S3FileSystem(
        key=access_key,
        secret=secret_key,
        endpoint_url=session.endpoint,
        client_kwargs={"region_name": session.region},
        skip_instance_cache=True,
    )


def _interrupt() -> None:
    raise InterruptedError
