"""The judges judged: each planted fault is found. That a Rucket without one passes the same judges
is what the tests of the kits show; `python -m tests.planted` runs both, and takes the time.
"""

from pathlib import Path

import pytest

from tests.planted.faults import FAULTS, PlantedFault
from tests.planted.planting import judge


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_planted_fault_is_found(fault: PlantedFault, tmp_path: Path) -> None:
    """By its judge, with words that name what is wrong."""
    ending = judge(fault, tmp_path)
    assert ending.finding(fault) is not None, ending.output
