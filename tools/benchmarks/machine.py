"""What a measurement has to say of the machine, and what memory it took."""
import multiprocessing
import platform
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def peak_memory(function: Callable, *args) -> float | None:
    """Megabytes that a function takes at the most, in a process of its own, beyond what the
    imports take; None where Linux does not tell."""
    with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
        return pool.submit(_peak_memory, function, *args).result()


def _peak_memory(function: Callable, *args) -> float | None:
    try:
        Path('/proc/self/clear_refs').write_text('5')  # the peak starts anew
    except OSError:
        return None
    before = _memory('VmRSS')
    function(*args)
    return _memory('VmHWM') - before


def _memory(entry: str) -> float:
    """Megabytes, of this process."""
    status = Path('/proc/self/status').read_text()
    return int(re.search(rf'{entry}:\s*(\d+) kB', status)[1]) / 1024


def processor() -> str:
    """Name of the processor, and those of its flags that matter here."""
    info = Path('/proc/cpuinfo')
    text = info.read_text() if info.is_file() else ''
    name = re.search(r'model name\s*:\s*(.+)', text)
    flags = re.search(r'flags\s*:\s*(.+)', text)
    known = ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_bf16', 'amx_int8')
    own = [flag for flag in known if flags and flag in flags[1].split()]
    return f'{name[1] if name else platform.processor() or "unknown processor"} ({" ".join(own)})'
