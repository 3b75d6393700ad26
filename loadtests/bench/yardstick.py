"""How fast this machine computes at this moment, in CPU time of a fixed piece of work.

CPU time per request says what a server costs whatever else runs beside it, but another machine, or
this one with its caches shared, takes more or less of it. Measured by the yardstick, costs can be
compared across machines: it does in small what a server in Python does.
"""

import hashlib
import json
import time
from statistics import median

ROUND_COUNT = 5
REPEAT_COUNT = 40
BODY = bytes(range(256)) * 256
RECORD = {f"name-{n}": [n, f"value-{n}" * 3, {"inner": n / 7}] for n in range(60)}


def measure_yardstick_s() -> float:
    """CPU seconds of the work; the median of some."""
    return median(_once_s() for _ in range(ROUND_COUNT))


def _once_s() -> float:
    started = time.process_time()
    for number in range(REPEAT_COUNT):
        text = json.dumps({**RECORD, "number": number})
        found = json.loads(text)
        names = sorted(found, key=lambda name: name[::-1])
        joined = "\n".join(f"{name.upper()}:{found[name]}" for name in names)
        hashlib.sha256(joined.encode() + BODY).hexdigest()
    return time.process_time() - started
