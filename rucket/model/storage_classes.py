"""The storage classes that objects may have.

Those that S3 serves at once. GLACIER and DEEP_ARCHIVE are not among them: their objects can be read
only after a restore request, and who asks for them counts on that. Source: S3 User Guide,
"Understanding and managing Amazon S3 storage classes".
"""

from __future__ import annotations

from typing import Final

DEFAULT_STORAGE_CLASS: Final = "STANDARD"
STORAGE_CLASSES: Final = frozenset(
    {
        DEFAULT_STORAGE_CLASS,
        "GLACIER_IR",
        "INTELLIGENT_TIERING",
        "ONEZONE_IA",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
    }
)
