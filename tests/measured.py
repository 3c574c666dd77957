"""What processes of measurements are given to do; they import this file and no more."""
import os
from collections.abc import Iterator


def pid() -> Iterator[int]:
    yield os.getpid()


def raise_two_lines() -> Iterator[int]:
    yield os.getpid()
    raise ValueError('first\nsecond')


def die() -> Iterator:
    os._exit(7)
    yield
