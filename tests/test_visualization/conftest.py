from pathlib import Path

import pytest
from two_trackers import write_two_trackers


@pytest.fixture(scope='session')
def material(tmp_path_factory) -> Path:
    """See :func:`write_two_trackers`."""
    root = tmp_path_factory.mktemp('material')
    write_two_trackers(root)
    return root
