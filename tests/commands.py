"""The tools, run as from a command line."""
import contextlib
import io
import multiprocessing
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch

import mmct  # noqa: F401  before the tests import MMTracking

# isort: split
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmtrack.visualization import TrackLocalVisualizer

ROOT = Path(__file__).parents[1]


class Done(NamedTuple):
    """How a tool ended."""
    status: int
    out: str
    err: str


def run_tool(name: str, *args) -> Done:
    """A tool, as if in a process of its own."""
    forget_runs()
    others = multiprocessing.active_children()
    before, sys.argv = sys.argv, [str(ROOT / 'tools' / name), *map(str, args)]
    status, out, err = 0, io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_path(sys.argv[0], run_name='__main__')
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.argv = before
        forget_runs()
        # As a process does that ends. Garbage collection waits five seconds for a data loader's.
        for process in set(multiprocessing.active_children()).difference(others):
            process.terminate()
            process.join()
    return Done(status, out.getvalue(), err.getvalue())


def run_process(name: str, *args) -> Done:
    """A tool in a process of its own, as those need that set the number of threads."""
    done = subprocess.run([sys.executable, str(ROOT / 'tools' / name), *map(str, args)],
                          capture_output=True, text=True, check=False, cwd=ROOT)
    return Done(done.returncode, done.stdout, done.stderr)


def start_tool(name: str, *args, out: Path = os.devnull, **env) -> multiprocessing.Process:
    """A tool in a process of its own that has begun, to be told to end, or killed.

    It is forked: all that it imports is here already. CUDA does not work in forks.

    Args:
        out: the file that it writes to.
        env: environment variables.
    """
    context = multiprocessing.get_context('spawn' if torch.cuda.is_available() else 'fork')
    process = context.Process(target=_tool, args=(name, args, out, env))
    process.start()
    return process


def _tool(name: str, args: tuple, out: Path, env: dict) -> None:
    os.environ.update(env)
    torch.set_num_threads(1)
    for number in (1, 2):
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout, sys.stderr = (os.fdopen(number, 'w', closefd=False) for number in (1, 2))
    forget_runs()
    sys.argv = [str(ROOT / 'tools' / name), *map(str, args)]
    runpy.run_path(sys.argv[0], run_name='__main__')


def children_of(pid: int) -> list[str]:
    """Processes that a process started."""
    return Path(f'/proc/{pid}/task/{pid}/children').read_text().split()


def alive(pid: str) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2][0] != 'Z'
    except OSError:
        return False


def forget_runs() -> None:
    """MMEngine keeps what a process has one of by name."""
    for single in (MMLogger, MessageHub, DefaultScope, TrackLocalVisualizer):
        single._instance_dict.clear()
