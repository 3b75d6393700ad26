"""A process that keeps the server's promises to whoever starts it, and no others.

It obeys `serve -c FILE`, answers the health page, and misbehaves on request: a section
`[stand_in]` of its settings may say `fail = true`, `silent = true` or `stubborn = true`.
"""

import os
import signal
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Health(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def main() -> None:
    settings = tomllib.loads(Path(sys.argv[sys.argv.index("-c") + 1]).read_text())
    wishes = settings.get("stand_in", {})
    sys.stdout.write("starting\n")
    sys.stdout.flush()
    if wishes.get("fail"):
        sys.stderr.write("stand_in.fail: must be false\n")
        sys.exit(2)
    if wishes.get("silent"):
        Health.status = 503
    stubborn = bool(wishes.get("stubborn"))
    signal.signal(signal.SIGTERM, signal.SIG_IGN if stubborn else lambda *_: os._exit(0))
    host, _, port = settings["server"]["bind"].rpartition(":")
    ThreadingHTTPServer((host, int(port)), Health).serve_forever()


if __name__ == "__main__":
    main()
