import numpy as np
import pytest
from fuzzing import counted


@pytest.fixture(scope='session')
def wide_frame() -> np.ndarray:
    """(4320, 7680, 3) of values above 0, of which other frames are views."""
    noise = np.random.default_rng(0).integers(1, 256, (720, 1280, 3), dtype=np.uint8)
    return np.tile(noise, (6, 6, 1))


@pytest.fixture(autouse=True)
def _counted(record_property):
    """Tell the report of the test how many cases it has tried."""
    counted.clear()
    yield
    record_property('fuzz cases', counted.total())
