"""What a measurement has to say of the machine, and the process it is taken in."""
import gc
import multiprocessing
import platform
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import torch


class RowError(Exception):
    """What kept a row from being measured, in one line."""


class Worker:
    """Runs measurements in a process apart from this one, which outlives whatever they do.

    On a CPU, each has a process of its own, whose peak of memory is its own. On a GPU, one process
    takes all until one fails: starting there takes seconds each time.

    Args:
        device: of PyTorch.
    """

    def __init__(self, device: str = 'cpu') -> None:
        self.lasting = device != 'cpu'
        # A fork of a process that has asked for GPUs cannot use them.
        method = 'spawn' if self.lasting else 'forkserver'
        if method not in multiprocessing.get_all_start_methods():
            method = 'spawn'
        self.context = multiprocessing.get_context(method)
        if method == 'forkserver':
            self.context.set_forkserver_preload(['mmct.deploy'])
        self.process = None

    def __enter__(self) -> 'Worker':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None

    def run(self, function: Callable[..., Iterable], *args) -> Iterator:
        """What ``function(*args)`` yields, as it comes.

        Raises:
            RowError: the function raised something, or its process died.
        """
        if self.process is None:
            self.pipe, other = self.context.Pipe()
            self.process = self.context.Process(target=_serve, args=(other, ))
            self.process.start()
            other.close()
        done = False
        try:
            self.pipe.send((function, args))
            while True:
                what, value = self.pipe.recv()
                if what == 'error':
                    raise RowError(value)
                if what == 'end':
                    done = True
                    return
                yield value
        except (EOFError, ConnectionError):
            self.process.join()
            raise RowError(f'its process ended with status {self.process.exitcode}') from None
        finally:
            if not (done and self.lasting):
                self.close()


def _serve(pipe: Connection) -> None:
    for name in ('SIGINT', 'SIGHUP'):  # the process that asks ends this one
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    while True:
        try:
            function, args = pipe.recv()
        except EOFError:
            return
        try:
            for value in function(*args):
                pipe.send(('row', value))
            answer = 'end', None
        except Exception as error:  # whatever it is, other rows go on
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            answer = 'error', f'{type(error).__name__}: {lines[0] if lines else ""}'[:300]
        release()
        pipe.send(answer)


def release() -> None:
    """Give back what the measurement before has left on the GPU."""
    if 'torch._dynamo' in sys.modules:
        torch._dynamo.reset()
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class PeakMemory:
    """The most memory that is taken beyond what there is at the beginning.

    Args:
        device: 'cpu' for this process, else the GPU on which PyTorch's tensors are counted.
    """

    def __init__(self, device: str = 'cpu') -> None:
        self.device = device
        self.known = True
        self.restart()
        self.before = self._now()

    def restart(self) -> None:
        """Forget the peak so far, but not the beginning."""
        if self.device != 'cpu':
            torch.cuda.init()
            torch.cuda.reset_peak_memory_stats(self.device)
            return
        try:
            Path('/proc/self/clear_refs').write_text('5')
        except OSError:
            self.known = False

    def _now(self) -> float:
        if self.device != 'cpu':
            return torch.cuda.memory_allocated(self.device) / 2**20
        return _status('VmRSS') if self.known else 0.

    def megabytes(self) -> float | None:
        """The peak, or None if the system does not tell."""
        if self.device != 'cpu':
            return torch.cuda.max_memory_allocated(self.device) / 2**20 - self.before
        return _status('VmHWM') - self.before if self.known else None


def _status(entry: str) -> float:
    """Megabytes, of this process."""
    status = Path('/proc/self/status').read_text()
    return int(re.search(rf'{entry}:\s*(\d+) kB', status)[1]) / 1024


def check_device(device: str) -> None:
    """See that PyTorch can run there.

    Raises:
        ValueError: it cannot.
    """
    try:
        kind = torch.device(device).type
    except RuntimeError:
        kind = None
    if kind not in ('cpu', 'cuda'):
        raise ValueError(f'--device {device} is not cpu, cuda or cuda:N')
    if kind == 'cuda' and (torch.device(device).index or 0) >= torch.cuda.device_count():
        raise ValueError(f'--device {device}: PyTorch {torch.__version__} finds '
                         f'{torch.cuda.device_count()} GPUs; give --device cpu, or install a '
                         'PyTorch built for CUDA and a driver')


def machine(device: str) -> str:
    """The processor and, if it is asked for, the GPU with the versions that matter there."""
    if device == 'cpu':
        return processor()
    name = torch.cuda.get_device_name(device)
    return f'{name}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}; {processor()}'


def processor() -> str:
    """Name of the processor, and those of its flags that matter here."""
    info = Path('/proc/cpuinfo')
    text = info.read_text() if info.is_file() else ''
    name = re.search(r'model name\s*:\s*(.+)', text)
    flags = re.search(r'flags\s*:\s*(.+)', text)
    known = ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_bf16', 'amx_int8')
    own = [flag for flag in known if flags and flag in flags[1].split()]
    return f'{name[1] if name else platform.processor() or "unknown processor"} ({" ".join(own)})'
