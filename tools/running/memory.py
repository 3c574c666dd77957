"""Memory of the C library."""
import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, as PyTorch does on GPUs: each step of a training takes
    the same again. Returns whether the C library can; it is glibc, then."""
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(TRIM_THRESHOLD, LARGEST), mallopt(MMAP_THRESHOLD, 2**30)])
