import platform
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: what others left free in the heap would be used again in any case.
MEASURE = """
import ctypes, resource, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from running.memory import MMAP_THRESHOLD, keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        parts = [np.ones(2**19, np.float32) for _ in range(20)]  # 2 MB each
        del parts
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

libc = ctypes.CDLL(None)
libc.prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: huge pages would hide most faults
libc.mallopt(MMAP_THRESHOLD, 2**17)  # glibc's first, which it would raise or not
given = faults()
assert keep_freed_memory()
faults()
print(given, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_what_is_freed_is_used_again():
    tools = Path(__file__).parents[2] / 'tools'
    done = subprocess.run([sys.executable, '-c', MEASURE, str(tools)], capture_output=True,
                          text=True, check=True)
    given, kept = map(int, done.stdout.split())
    assert kept < given / 10
