"""A child process, as its supervisor sees it: started with an order, heard, signalled, reaped.

Nothing here blocks: the order lies in an anonymous file that becomes the child's standard input, so
that no child can make its supervisor wait by not reading.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from rucket.daemon.handshake import LINE_SIZE_BYTES_MAX, ChildOrder, encode_order
from rucket.daemon.process_control import end_with_parent
from rucket.daemon.settings import ENVIRONMENT_PREFIX, Settings

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping

_READ_SIZE_BYTES: Final = 4096
_READS_MAX: Final = 16

_ALLOCATOR: Final = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 1024**2),
}
"""glibc keeps the buffers of bodies for the next ones. By itself it gives each back to the kernel,
which clears its pages again for the next: a tenth of what a large GET costs."""


class ChildProcess:
    """A process of the server.

    Args:
        module: what it runs.
        order: its order.
        settings: the server's.
        held_descriptor: stays open in the child as long as it lives (the lock on the data
            directory: nobody may use it before the last process has gone).

    Attributes:
        has_said_all: nothing more will come from its standard output.

    Raises:
        OSError: there are no resources for another process.
    """

    def __init__(
        self, module: str, order: ChildOrder, settings: Settings, held_descriptor: int
    ) -> None:
        supervisor_pid = os.getpid()
        with _order_file(order, settings) as order_file:
            # preexec_fn is safe here: the supervisor has no threads, and what it calls is loaded.
            self._process = subprocess.Popen(  # noqa: S603 -- this Python and a module of ours
                [sys.executable, "-P", "-m", module],
                stdin=order_file,
                stdout=subprocess.PIPE,
                env=_environment(os.environ),
                pass_fds=(held_descriptor,),
                preexec_fn=lambda: end_with_parent(supervisor_pid),  # noqa: PLW1509
            )
        assert self._process.stdout is not None, "a pipe was asked for"
        self._output = self._process.stdout
        os.set_blocking(self.output_descriptor, False)
        self._unfinished_line = b""
        self.has_said_all = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def output_descriptor(self) -> int:
        """Readable when the child has said something, or has ended."""
        return self._output.fileno()

    def read_lines(self) -> list[bytes]:
        """The whole lines that have arrived since the last call."""
        lines: list[bytes] = []
        for _ in range(_READS_MAX):
            try:
                data = os.read(self.output_descriptor, _READ_SIZE_BYTES)
            except BlockingIOError:
                break
            if not data:
                self.has_said_all = True
                break
            *whole, rest = (self._unfinished_line + data).split(b"\n")
            self._unfinished_line = rest[:LINE_SIZE_BYTES_MAX]
            lines += whole
        return lines

    def exit_code(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs. Reaps it."""
        return self._process.poll()

    def send_signal(self, number: signal.Signals) -> None:
        """Signals it; harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def close(self) -> None:
        """Gives the pipe back, after the process was reaped."""
        self._output.close()


@contextlib.contextmanager
def _order_file(order: ChildOrder, settings: Settings) -> Iterator[int]:
    """A descriptor to read the order from. The file has no name and is gone with its readers."""
    descriptor = os.memfd_create("rucket-order")
    try:
        os.write(descriptor, encode_order(order, settings))
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What children inherit: nothing that may hold a setting, and so a secret."""
    inherited = {
        name: value
        for name, value in ours.items()
        if not name.upper().startswith(ENVIRONMENT_PREFIX)
    }
    return {**_ALLOCATOR, **inherited}
