"""The reference data of the tests: a folder given by ``--reference``, or small copies here."""
import gc
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

# Before any test imports MMTracking. What shares tests out among processes imports no more.
import mmct  # noqa: F401

DATA = Path(__file__).parent / 'data'
# As in a CI, where OpenVINO does not tell its makers what it converts, by a process for each kind
# of operation; of Jenkins, since Hypothesis tries other examples in those that it knows.
os.environ.setdefault('JENKINS_URL', 'none')


def pytest_addoption(parser):
    parser.addoption('--reference', metavar='DIR', type=Path,
                     help='folder with the full reference data (golden, sequences, lasot)')


def pytest_configure(config):
    folder = config.getoption('reference')
    if folder and not folder.is_dir():
        raise pytest.UsageError(f'--reference: {folder} is not a folder')


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is imported is no garbage, and looking for some takes a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish():
    """What was imported stays, and is not looked through again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    cases = [value for reports in terminalreporter.stats.values() for report in reports
             if getattr(report, 'when', '') == 'teardown'
             for name, value in report.user_properties if name == 'fuzz cases' and value]
    if cases:
        terminalreporter.write_line(f'{sum(cases)} fuzz cases in {len(cases)} tests')


@pytest.fixture(scope='session', autouse=True)
def _no_collections():
    """MMEngine collects garbage for every data set that it builds, which takes longer than that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.dataset.base_dataset.gc', SimpleNamespace(collect=int))
        yield


@pytest.fixture(scope='session', autouse=True)
def _no_progress():
    """Without a terminal, tools say once a minute how far they are: within a test if the
    machine is busy, which expects no such line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('cli.LOG_PERIOD', float('inf'))
        yield


@pytest.fixture(autouse=True)
def _signals_that_count():
    """As in a shell's foreground: a background and nohup ignore these, a run that broke off leaves
    its handlers behind."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_scope_left():
    """A runner leaves its registry scope behind, which would decide how the next test builds."""
    yield
    from mmengine.registry import DefaultScope
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope='session')
def reference(request) -> Path:
    """The folder given by ``--reference``."""
    folder = request.config.getoption('reference')
    if folder is None:
        pytest.skip('needs the full reference data: --reference DIR')
    return folder.resolve()


@pytest.fixture(scope='session')
def golden(request):
    """Function from the name of a golden folder to its path."""
    folder = request.config.getoption('reference')
    roots = [folder.resolve(), DATA] if folder else [DATA]

    def find(name: str) -> Path:
        for root in roots:
            if (root / 'golden' / name).exists():
                return root / 'golden' / name
        pytest.skip(f'golden/{name} is in none of: ' + ', '.join(map(str, roots)))

    return find
