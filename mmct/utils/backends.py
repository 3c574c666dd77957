"""What runs networks: a table to which each part of the package adds its own."""
from typing import NamedTuple


class Backend(NamedTuple):
    """What runs the files of an ending."""
    module: str  # imported when asked for
    opener: str  # in it; called with the file, a checkpoint or None, the precision and the threads
    suffix: str  # of its files
    precisions: tuple[str, ...]  # that it can compute in
    extra: str  # that installs it


BACKENDS: dict[str, Backend] = {}
