"""How every tool begins and ends.

Tools parse their command line before they import anything of mmct, which takes seconds.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from operator import length_hint
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config
    from rich.progress import Progress

TRACEBACK = '--traceback'
ENDS = [getattr(signal, name) for name in ('SIGTERM', 'SIGHUP') if hasattr(signal, name)]
PERIOD = 5.  # seconds between lines of progress
LOG_PERIOD = 60.  # the same, in a log
SAME_WISH = 5.  # seconds: a closed terminal and its shell, or a batch system, send several signals
# Modules of the extra `lite` that a device may lack, and what pip calls them.
COMMON = {name: name for name in ('jinja2', 'matplotlib', 'rich', 'scipy', 'tabulate')} | {
    'cv2': 'opencv-python-headless'}
IN_WORKER = re.compile(r'Traceback \(most recent call last\):\n(?:[ \t].*\n)*')
DATASETS = Path(__file__).parents[1] / 'configs/_base_/datasets'


def run(parse_args: Callable[[], argparse.Namespace],
        main: Callable[[argparse.Namespace], int | None], stopped: str = 'interrupted') -> None:
    """Call ``main`` and exit with what it returns; bad input ends in one line, exit status 2.

    Ctrl-C ends in the line ``stopped``, 130, and SIGTERM and SIGHUP as Ctrl-C does, 143 and 129.
    ``--traceback`` on any tool's command line shows where the error came from.
    """
    debug = TRACEBACK in sys.argv
    if debug:
        sys.argv.remove(TRACEBACK)
    try:
        with ends_like_ctrl_c():
            call(parse_args, main, debug)
    except KeyboardInterrupt as error:
        if debug:
            raise
        sys.stdout.flush()
        print(stopped, file=sys.stderr)
        sys.exit(stopped_status(error))


def stopped_status(error: KeyboardInterrupt) -> int:
    """Exit status after Ctrl-C or another signal, as shells report it."""
    return 128 + (error.args[0] if error.args else signal.SIGINT)


@contextmanager
def ends_later() -> Iterator[None]:
    """Let Ctrl-C, and what else ends a tool, wait until this is done."""
    came = []
    before = {number: signal.signal(number, lambda number, _: came.append(number))
              for number in (signal.SIGINT, *ENDS)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


@contextmanager
def ends_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt with their number, unless they are ignored, as
    nohup has it. A tool has some seconds then to write what there is."""
    process, first = os.getpid(), []
    terminals = [number for number in (1, 2) if os.isatty(number)]

    def end(number: int, frame: object) -> None:
        if not first and os.getpid() == process:
            first.append(time.monotonic())
            for terminal in terminals:
                if not os.isatty(terminal):  # closed, and writing to it an error
                    os.dup2(os.open(os.devnull, os.O_WRONLY), terminal)
            raise KeyboardInterrupt(number)
        if not first or time.monotonic() - first[0] > SAME_WISH:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    own = [number for number in ENDS if signal.getsignal(number) == signal.SIG_DFL]
    for number in own:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in own:
            signal.signal(number, signal.SIG_DFL)


def run_command(command: Sequence[str | Path]) -> int:
    """Run a command that is a part of this tool; returns its exit status. If the tool is told to
    end, so is the command, which may take its time to save what there is."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt as error:
        if error.args:  # not Ctrl-C, which the terminal gives both
            process.terminate()
        process.wait()
        raise


def call(parse_args: Callable[[], argparse.Namespace],
         main: Callable[[argparse.Namespace], int | None], debug: bool) -> None:
    """As :func:`run`, for all but Ctrl-C."""
    # argparse calls a program as it was started; the command `mmct` says what was typed instead.
    file, sys.argv[0] = sys.argv[0], getattr(sys.modules['__main__'], 'typed', sys.argv[0])
    args = parse_args()
    sys.argv[0] = file
    warnings.showwarning = partial(say_warning, warnings.showwarning)
    # Modules that a config names in custom_imports may lie in the current folder.
    sys.path.append(os.getcwd())
    from mmct.compat import OPENMMLAB, REQUIRED, how_to_install
    try:
        sys.exit(main(args))
    except BrokenPipeError:  # of `| head`; nothing more is written, not at Python's end, either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except (AttributeError, ValueError, OSError, ImportError) as error:
        line, missing = one_line(error), None
        if isinstance(error, AttributeError):
            if type(error.obj).__name__ not in ('Config', 'ConfigDict'):
                raise
            line = f'the config has no {error.name}, which this tool needs'
        elif isinstance(error, ImportError):
            missing = error.name
        if missing in (*REQUIRED, *OPENMMLAB):
            line = how_to_install(missing)
        elif missing and (package := missing.partition('.')[0]) in COMMON:
            line = (f'{package} is not installed, which this tool needs: run pip install '
                    f"{COMMON[package]}, or for all tools pip install -e '.[lite]' in the folder "
                    'of mmct')
        # Python names any other module it could not import; our own errors name the extra instead.
        elif missing:
            raise
        if debug:
            raise
        sys.stdout.flush()  # of a pipe it would come last
        print(f'error: {line}', file=sys.stderr)
        sys.exit(2)


def one_line(error: Exception) -> str:
    """What an error says, in a line; of one in a worker of a data loader, what stands below the
    traceback that it carries."""
    said = IN_WORKER.split(str(error))[-1].splitlines()
    return ' '.join(filter(None, map(str.strip, said))) or type(error).__name__


def say_warning(otherwise: Callable, message: Warning, category: type[Warning], filename: str,
                *where) -> None:
    """A warning of mmct or its tools in a line, without the place in their code; all others as
    ``otherwise`` shows them."""
    ours = [Path(__file__).parent]
    if 'mmct' in sys.modules:
        ours.append(Path(sys.modules['mmct'].__file__).parent)
    if category is UserWarning and any(Path(filename).is_relative_to(place) for place in ours):
        print(f'warning: {message}', file=sys.stderr)
    else:
        otherwise(message, category, filename, *where)


def existing_config(path: Path) -> 'Config':
    """Read a config, see :func:`mmct.api.read_config`."""
    from mmct.api import read_config
    return read_config(path)


def compression_config(path: Path) -> 'Config':
    """Read the config of a compression; ValueError if it is none."""
    config = existing_config(path)
    model = config.get('model')
    kind = model.get('type') if isinstance(model, dict) else model
    if kind != 'ReplacementDistiller':
        raise ValueError(f'{path} is not the config of a compression: its model is {kind}, not a '
                         'ReplacementDistiller')
    return config


def box(text: str) -> tuple[float, float, float, float]:
    """X,Y,W,H of a command line."""
    try:
        x, y, w, h = (float(part) for part in text.split(','))
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected X,Y,W,H in pixels, got {text!r}') from None
    return x, y, w, h


def count(text: str) -> int:
    """A whole number from 1 on of a command line, such as one of threads."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'expected a whole number from 1 on, got {text!r}')
    return int(text)


def out_file(text: str) -> Path:
    """A file of a command line that is written when all is done, if it can be written now."""
    path = Path(text)
    # By os.path, as a Path raises if it may not look into a folder.
    place = next(filter(os.path.exists, Path(os.path.realpath(path)).parents))
    # Is written to itself, also if it stands for a file.
    device = os.path.exists(path) and (path.parent == Path('/dev') or not os.path.isfile(path))
    if os.path.isdir(path) or not (device or os.path.isdir(place) and os.access(place, os.W_OK)):
        raise argparse.ArgumentTypeError(f'{text} cannot be written: ' + (
            'it is a folder' if os.path.isdir(path) else f'{place} is no folder to write to'))
    return path


def bars() -> 'Progress | PlainProgress':
    """A ``Progress`` of rich, with counts and the time that is left; lines without rich, or without
    a terminal, where rich says nothing until the end."""
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:  # on a device that has NumPy and OpenCV only
        return PlainProgress(PERIOD)
    if not Console().is_terminal:
        return PlainProgress(LOG_PERIOD)
    return Progress(TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                    TextColumn('left'), TimeRemainingColumn())


class PlainProgress:
    """As much of rich's ``Progress`` as tools use: now and then a line on stderr.

    Args:
        period: seconds from a line to the next.
    """

    def __init__(self, period: float) -> None:
        self.period = period

    def __enter__(self) -> 'PlainProgress':
        return self

    def __exit__(self, *_) -> None:
        pass

    def track(self, sequence: Iterable, total: float | None = None, description: str = '',
              ) -> Iterator:
        task = self.add_task(description, total or length_hint(sequence) or None)
        for item in sequence:
            yield item
            self.advance(task)

    def add_task(self, description: str, total: float | None = None) -> SimpleNamespace:
        return SimpleNamespace(description=description, total=total, done=0, start=time.monotonic(),
                               said=time.monotonic())

    def advance(self, task: SimpleNamespace, steps: int = 1) -> None:
        task.done += steps
        now = time.monotonic()
        if now - task.said < self.period:
            return
        task.said, of, left = now, '', ''
        if task.total:
            seconds = max(task.total - task.done, 0) * (now - task.start) / task.done
            of, left = f'/{task.total}', f', {timedelta(seconds=round(seconds))} left'
        print(f'{task.description} {task.done}{of}{left}', file=sys.stderr, flush=True)


class Settings(argparse.Action):
    """MMEngine's ``DictAction``, imported when there is something to parse."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: Any, option_string: str | None = None) -> None:
        from mmengine.config import DictAction
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string}: expected key=value, got {value!r}')
        DictAction(self.option_strings, self.dest, self.nargs)(
            parser, namespace, values, option_string)


def add_device(parser: argparse.ArgumentParser) -> None:
    """The option of tools in which PyTorch takes a GPU by itself, see :func:`use_device`."""
    parser.add_argument('--device', choices=['cpu', 'cuda'], help='where PyTorch computes '
                        '(default: a GPU if it finds one, otherwise the CPU)')


def use_device(name: str | None) -> None:
    """Keep PyTorch on the CPU, or see that there is a GPU, before anything asks for one.

    MMEngine and ``Tracker`` take a GPU wherever PyTorch finds one, and have no setting for it.

    Raises:
        ValueError: 'cuda', and there is none.
    """
    if name == 'cpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    elif name == 'cuda':
        import torch
        if not torch.cuda.is_available():
            raise ValueError('--device cuda: PyTorch finds no GPU; leave the option out, or '
                             'install a CUDA build of PyTorch (docs/faq.md)')


def runner_parser(description: str) -> argparse.ArgumentParser:
    """The options that MMEngine's tools have in common."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file')
    parser.add_argument('--work-dir', help='folder for logs and results '
                        '(default: work_dirs/NAME of the config)')
    parser.add_argument('--cfg-options', nargs='+', action=Settings, default={},
                        help='settings that replace those of the config, key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='how the processes of a distributed run are started')
    add_device(parser)
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help=argparse.SUPPRESS)
    return parser


def runner_config(args: argparse.Namespace) -> 'Config':
    """The config with what the command line says on top.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: there is no such data set or device, or an option has no effect.
    """
    from running.config_text import format_configs_once
    from running.options import merge_options

    from mmct.utils.files import safe_name

    use_device(args.device)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    format_configs_once()
    cfg = existing_config(args.config)
    if getattr(args, 'dataset', None):
        use_test_set(cfg, args.dataset)
    merge_options(cfg, args.cfg_options)
    cfg.launcher = args.launcher
    cfg.work_dir = (args.work_dir or cfg.get('work_dir')
                    or f'work_dirs/{safe_name(args.config.stem)}')
    return cfg


def use_test_set(cfg: 'Config', name: str) -> None:
    """Let a config test on another data set, one of ``configs/_base_/datasets/NAME_test.py``."""
    files = {file.stem.removesuffix('_test'): file for file in sorted(DATASETS.glob('*_test.py'))}
    if name not in files:
        raise ValueError(f'--dataset {name} is not one of {", ".join(sorted(files))}')
    own = existing_config(files[name])
    if not cfg.get('test_dataloader'):
        cfg.test_dataloader = own.test_dataloader
    cfg.test_dataloader.dataset = own.test_dataloader.dataset
    cfg.test_evaluator, cfg.test_cfg = own.test_evaluator, own.test_cfg
