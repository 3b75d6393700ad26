"""Logs what the command line says: a process of its own, for logging is configured once a process.

``python -m tests.unit.observe.log_something pretty|json LEVEL``
"""

import logging
import sys
import warnings

from pydantic import SecretStr

from rucket.observe.log import configure_logging, get_logger, process_name


def main() -> None:
    """Logs one line of each kind."""
    unbound = get_logger("before")
    configure_logging(sys.argv[2], pretty=sys.argv[1] == "pretty", process="gateway-0")
    assert process_name() == "gateway-0"
    log = unbound.bind(request_id="REQUEST")
    log.debug("a detail")
    log.info("hello", number=1, none=None, secret_key="HIDE-1", nested={"Authorization": "HIDE-2"})
    log.warning("injected\nline", key="a\x1b[31mb", wrapped=SecretStr("HIDE-3"))
    log.error("denied: Authorization: AWS4-HMAC-SHA256 Signature=HIDE-4")
    logging.getLogger("library").warning("from %s, signature=HIDE-5", "a library")
    warnings.warn("from a warning", stacklevel=1)
    try:
        int("secret=HIDE-6")
    except ValueError:
        log.exception("broken")


if __name__ == "__main__":
    main()
