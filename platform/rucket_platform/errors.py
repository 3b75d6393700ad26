"""Every error that this package raises on purpose.

```
PlatformError                 what went wrong and what to do, in one readable text
├── TopologyError             the stack file is wrong; `path` names the key
├── ToolError                 a pinned tool can't be had
├── WaitTimeout               a condition did not come true in time
├── ServerUnreachable         a region's endpoint doesn't answer
├── AdminApiError             the server refused an admin request; `status`, `code`
├── SubstrateError            a node can't be run
│   ├── PortInUse             names the port and who holds it
│   └── NodeStartFailed       carries the exit code and the node's last log lines
├── EngineUnavailable         no container engine answers
├── ImageError                the container image can't be built
├── TargetError               what is to be judged can't be: no answer, wrong keys, a bad users file
├── FaultError                something could not be broken, or mended again, on purpose
├── ReportError               a report can't be written where it should go
├── ResourceRefused           a Pulumi resource can't be made, changed or removed as asked
└── StackError                the environment of a stack is broken (passphrase, lock, no stack yet)
```
"""

from __future__ import annotations


class PlatformError(Exception):
    """Base of the tree; its text is meant for the person at the terminal."""


class TopologyError(PlatformError):
    """The declared topology is wrong.

    Attributes:
        path: The bad key, as in `regions[0].nodes[1].port`.
        reason: What is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class ToolError(PlatformError):
    """A pinned tool can't be had; the text says what to install."""


class WaitTimeout(PlatformError):
    """A condition did not come true in time."""


class ServerUnreachable(PlatformError):
    """Nothing answers at a region's endpoint."""


class AdminApiError(PlatformError):
    """The server refused an admin request.

    Attributes:
        status: The HTTP status.
        code: The server's error code, such as `NoSuchUser`.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code} (HTTP {status}): {message}")
        self.status = status
        self.code = code


class SubstrateError(PlatformError):
    """A node can't be run, observed or stopped."""


class PortInUse(SubstrateError):
    """A port that a node needs is taken.

    Attributes:
        port: The port.
        holder: Who holds it, as far as this user may know.
    """

    def __init__(self, address: str, port: int, holder: str) -> None:
        super().__init__(
            f"port {port} on {address} is in use by {holder}; "
            f"stop it, or give the node another port in the stack file"
        )
        self.port = port
        self.holder = holder


class NodeStartFailed(SubstrateError):
    """A node did not come up.

    Attributes:
        exit_code: What the process exited with; None if it had to be stopped.
        log_tail: Its last log lines, oldest first.
    """

    def __init__(
        self, node: str, reason: str, *, exit_code: int | None, log_tail: tuple[str, ...]
    ) -> None:
        lines = "\n".join(f"    {line}" for line in log_tail) or "    (it wrote nothing)"
        super().__init__(f"node {node} did not start: {reason}\n  its last log lines:\n{lines}")
        self.exit_code = exit_code
        self.log_tail = log_tail


class EngineUnavailable(PlatformError):
    """No container engine answers."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"no container engine answers at {address}: {reason}\n"
            f"  start Docker (or a service that speaks its API), or say where it is: DOCKER_HOST"
        )


class ImageError(PlatformError):
    """The container image can't be built; carries the last words of what failed."""


class TargetError(PlatformError):
    """What is to be judged can't be; the text says what to mend."""


class FaultError(PlatformError):
    """Something could not be broken, or mended again, on purpose."""


class ReportError(PlatformError):
    """A report can't be written where it should go."""


class ResourceRefused(PlatformError):
    """A resource can't be made, changed or removed as asked; the text says why."""


class StackError(PlatformError):
    """The environment of a stack is broken; the text says how to mend it."""
