import ctypes
import multiprocessing
import platform
import resource

import pytest
import torch
from running.memory import MMAP_THRESHOLD, keep_freed_memory


def faults() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        parts = [torch.ones(2**19) for _ in range(20)]  # 2 MB each
        del parts
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def measure(found) -> None:
    torch.set_num_threads(1)
    # glibc's first threshold, which it would raise or not, as the heap happens to lie.
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 2**17)
    faults()
    given = faults()
    assert keep_freed_memory()
    faults()
    found.send((given, faults()))


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_what_is_freed_is_used_again():
    found, sent = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context('fork').Process(target=measure, args=(sent, ))
    process.start()
    sent.close()
    given, kept = found.recv()
    process.join()
    assert kept < given / 10
