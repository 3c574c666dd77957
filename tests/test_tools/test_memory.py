import os
import platform
import subprocess
import sys

import pytest
from commands import ROOT

CODE = """
import resource
import torch
from running.memory import keep_freed_memory
keep = {keep}
if keep:
    assert keep_freed_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        parts = [torch.ones(2**19) for _ in range(20)]  # 2 MB each
        del parts
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the C library is not glibc')
def test_what_is_freed_is_used_again():
    # glibc's first threshold, which it would raise or not, as the heap happens to lie.
    environment = dict(os.environ, MALLOC_MMAP_THRESHOLD_=str(2**17),
                       PYTHONPATH=str(ROOT / 'tools'))
    given, kept = (int(subprocess.run(
        [sys.executable, '-c', CODE.format(keep=keep)], capture_output=True, text=True,
        check=True, env=environment).stdout) for keep in (False, True))
    assert kept < given / 10
