"""What runs networks: a table to which each part of the package adds its own."""
from typing import NamedTuple


class Backend(NamedTuple):
    """What runs the files of an ending.

    Attributes:
        module, opener: where the function is that opens a network, called with the file, the
            checkpoint beside it or None, the precision and the threads. Imported when asked for.
        suffix: ending of its files.
        precisions: that it can compute in.
        extra: that installs it.
    """
    module: str
    opener: str
    suffix: str
    precisions: tuple[str, ...]
    extra: str


BACKENDS: dict[str, Backend] = {}
