"""The tools, run as from a command line."""
import contextlib
import io
import multiprocessing
import runpy
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

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


def forget_runs() -> None:
    """MMEngine keeps what a process has one of by name."""
    for single in (MMLogger, MessageHub, DefaultScope, TrackLocalVisualizer):
        single._instance_dict.clear()
