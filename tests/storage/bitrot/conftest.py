"""One image for all tests of bit rot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.storage.bitrot.image import Image, make_image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="package")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A data directory in memory."""
    root: Path = tmp_path_factory.mktemp("image")
    return make_image(root / "data", apart_sizes_bytes=(500, 1024, 5000))
