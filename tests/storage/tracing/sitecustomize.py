"""Python imports this at its start when its directory is on PYTHONPATH: writes down who changes
files.

Each audit event (PEP 578) that changes a file or a name below ``TRACED_DIRECTORY`` becomes a line
of ``TRACE_FILE``: the event, the path, and the innermost module outside of the standard library
that it comes from.
"""

import json
import os
import sys
import traceback

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS = {
    "os.rename": 2,
    "os.remove": 1,
    "os.link": 0,  # from /proc/self/fd to a name relative to a descriptor: always noted
    "os.symlink": 2,
    "os.mkdir": 1,
    "os.rmdir": 1,
    "os.truncate": 1,
}
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - before pathlib
_HERE = __file__


def _caller() -> str:
    for frame, _ in traceback.walk_stack(sys._getframe(2)):
        path = frame.f_code.co_filename
        is_library = path.startswith(_STANDARD_LIBRARY) and "site-packages" not in path
        if path != _HERE and not is_library and not path.startswith("<"):
            return str(frame.f_globals.get("__name__"))
    return "the standard library"


def _traced_paths(event: str, arguments: tuple[object, ...], directory: str) -> list[str]:
    if event == "open":
        path, _, flags = arguments
        if not isinstance(flags, int) or not flags & _WRITING:
            return []
        paths: tuple[object, ...] = (path,)
    elif event in _PATHS:
        paths = arguments[: _PATHS[event]]
        if not paths:
            return [str(arguments[1])]
    else:
        return []
    names = [os.fsdecode(path) for path in paths if isinstance(path, str | bytes | os.PathLike)]
    return [name for name in names if os.path.abspath(name).startswith(directory)]  # noqa: PTH100


def _start(directory: str, trace_file: str) -> None:
    trace = os.open(trace_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event != "open" and event not in _PATHS:
            return
        for path in _traced_paths(event, arguments, directory):
            line = json.dumps({"event": event, "path": path, "caller": _caller()})
            os.write(trace, line.encode() + b"\n")

    sys.addaudithook(hook)


if "TRACE_FILE" in os.environ:
    _start(os.environ["TRACED_DIRECTORY"], os.environ["TRACE_FILE"])
