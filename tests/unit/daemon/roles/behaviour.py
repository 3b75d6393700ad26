"""What the processes of a test server do: as their script says, leaving traces in a journal.

Beside the data directory lie ``scripts/PLACE``, with one of the words below in it (``work`` where
there is none), and ``journal``, where every process writes what becomes of it.
"""

import enum
import os
from pathlib import Path

from rucket.daemon.child import NotifyReady, StopSignal
from rucket.daemon.settings import Settings
from rucket.model.errors import ConfigurationError, CorruptionError, StorageFullError
from rucket.observe.log import process_name


@enum.unique
class Script(enum.StrEnum):
    """What a process does."""

    WORK = "work"
    HANG = "hang"
    PRINT = "print"
    CRASH = "crash"
    REFUSE = "refuse"
    MISCONFIGURED = "misconfigured"
    FULL = "full"


def read_script(directory: Path, place: str) -> Script:
    """What the process at `place` shall do."""
    path = directory / "scripts" / place
    return Script(path.read_text()) if path.exists() else Script.WORK


def note(directory: Path, what: str) -> None:
    """Adds a line to the journal; one write, so that processes don't mix theirs."""
    descriptor = os.open(directory / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{what} {process_name()} {os.getpid()}\n".encode())
    os.close(descriptor)


async def play(settings: Settings, stop: StopSignal, notify_ready: NotifyReady) -> None:
    """The main of every role."""
    directory = settings.storage.data_dir.parent
    note(directory, "started")
    script = read_script(directory, process_name())
    match script:
        case Script.REFUSE:
            raise CorruptionError("wal/0001", "the checksum\ndiffers")
        case Script.MISCONFIGURED:
            raise ConfigurationError("server.tls_cert is of no use")
        case Script.FULL:
            raise StorageFullError("no room left")
        case Script.CRASH:
            raise ZeroDivisionError
        case Script.PRINT:
            print("ready", flush=True)
        case _:
            notify_ready()
            note(directory, "ready")
    await stop.wait()
    note(directory, "stopping")
    while read_script(directory, process_name()) is Script.HANG:
        await _forever()
    note(directory, "ended")


async def _forever() -> None:
    await StopSignal().wait()
