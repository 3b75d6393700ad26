"""Every decoder there is."""

from __future__ import annotations

from tests.fuzz.requests_on_the_wire import REQUESTS_ON_THE_WIRE
from tests.fuzz.settings_files import SETTINGS_FILES
from tests.fuzz.stored_formats import STORED_FORMATS

DECODERS = {
    decoder.name: decoder for decoder in (*STORED_FORMATS, *REQUESTS_ON_THE_WIRE, *SETTINGS_FILES)
}
