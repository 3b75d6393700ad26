"""The log: one line an event, on standard error, pretty for people or JSON for machines.

Every line carries the time (UTC), the level, the process (``gateway-0``) and the event; a request's
lines carry its ``request_id``, which the caller binds::

    log = get_logger(__name__).bind(request_id=request_id)
    log.warning("blob is corrupt", blob_id=blob_id)

What libraries write through the standard library's ``logging`` comes out in the same form. Lines of
several processes don't mix: each is one write. The access log is `rucket.observe.access_log`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from rucket.observe.redaction import redact_event

if TYPE_CHECKING:
    from collections.abc import MutableMapping

Logger = FilteringBoundLogger

STANDARD_ERROR: Final = 2

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_COLORS: Final = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m"}
_process_names: list[str] = []
_COLOR_END: Final = "\x1b[0m"


def get_logger(name: str) -> Logger:
    """A logger for the module `name`.

    It may be had before `configure_logging`, but `bind` only afterwards: what is bound stays as
    logging was configured then.
    """
    return cast("Logger", structlog.get_logger(module=name))


def process_name() -> str:
    """The name that this process's lines carry (``gateway-0``); empty before it has one."""
    return _process_names[-1] if _process_names else ""


def configure_logging(level: str, *, pretty: bool, process: str) -> None:
    """Says how this process logs. To be called once, before anything is logged.

    Args:
        level: debug, info, warning or error.
        pretty: lines for people; else JSON.
        process: the name that every line carries.
    """

    def add_process(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Any:
        event["process"] = process
        return event

    _process_names.append(process)
    threshold = _LEVELS[level]
    render = _render_pretty(in_color=_is_colorful()) if pretty else _render_json
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
            add_process,
            structlog.processors.format_exc_info,
            redact_event,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_StandardError,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=threshold, handlers=[_FromStandardLibrary()], force=True)
    logging.captureWarnings(capture=True)


class _StandardError:
    """Where structlog's lines end. A log that can't be written must not stop the server."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError):
            os.write(STANDARD_ERROR, line.encode(errors="backslashreplace") + b"\n")

    debug = info = warning = error = critical = exception = log = msg


class _FromStandardLibrary(logging.Handler):
    """Hands on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = get_logger(record.name)
        logger.log(record.levelno, record.getMessage().strip(), exc_info=record.exc_info)


def _is_colorful() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _render_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    head = {name: event.pop(name) for name in ("timestamp", "level", "process", "event")}
    return msgspec.json.encode({**head, **event}, enc_hook=str).decode()


def _render_pretty(*, in_color: bool) -> Any:
    def render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        timestamp, level, process, text = (
            event.pop(name) for name in ("timestamp", "level", "process", "event")
        )
        event.pop("module", None)
        exception = event.pop("exception", None)
        fields = "".join(f"  {name}={_printable(value)}" for name, value in event.items())
        color, end = (_COLORS.get(level, ""), _COLOR_END) if in_color else ("", "")
        line = f"{timestamp} {color}{level:<8}{end} {process:<12} {_printable(text)}{fields}"
        return line if exception is None else f"{line}\n{exception}"

    return render


def _printable(value: object) -> str:
    """The value in one line: what a client sent must not look like lines of ours."""
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
