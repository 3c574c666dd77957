"""The bridge to MMTracking: each of its mends is needed, and none acts without need.

What is imported stays imported, so each case is a process of its own.
"""
import ast
import os
import pickle
import subprocess
import sys
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import Forks
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner

import mmct
from mmct import compat

ROOT = Path(compat.__file__).parents[1]
lite_only = pytest.mark.skipif(bool(find_spec('mmcv._ext')), reason='mmcv is compiled here')
# The bridge alone, without the rest of mmct.
LOAD = f"""
import sys
from contextlib import nullcontext
from importlib.util import find_spec, module_from_spec, spec_from_file_location
spec = spec_from_file_location('compat', {str(ROOT / 'mmct/compat.py')!r})
compat = module_from_spec(spec)
spec.loader.exec_module(compat)
"""


# Imported by the packages of OpenMMLab, which are not: the cases differ in how that is done.
BELOW = ('torch.distributed.fsdp', 'torch.distributed.optim', 'cv2', 'matplotlib.pyplot', 'yapf')


@pytest.fixture(scope='module')
def python(tmp_path_factory):
    """Function that runs code with the bridge loaded as ``compat``, and folders before installed
    packages, in a process that has imported :data:`BELOW`."""
    forks, folder, numbers = Forks(*BELOW), tmp_path_factory.mktemp('python'), count()
    yield lambda code, *places: forks.run(LOAD + code, places, folder / str(next(numbers)))
    forks.close()


def new_python(code: str, *places: Path) -> subprocess.CompletedProcess:
    """As ``python``, but nothing is imported before."""
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, places)), 'OMP_NUM_THREADS': '1'}
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', LOAD + code], env=env,
                          capture_output=True, text=True, check=False)


def package(folder: Path, **modules: str) -> Path:
    """Write stand-in modules, ``a__b='…'`` for ``a.b``, and return ``folder``."""
    for name, text in modules.items():
        file = folder.joinpath(*name.split('__'), '__init__.py')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.fixture(scope='module')
def bridged(python):
    """What a Python says after the bridge."""
    done = python("""
import inspect
import numpy as np
assert compat.bridge() and compat.bridge()
import mmcv, mmtrack.models, mmdet.models
from mmtrack.registry import MODELS
print('version', mmcv.__version__)
print('finders', any(isinstance(f, compat.PlaceholderFinder) for f in sys.meta_path))
print('left', [n for n, m in sys.modules.items() if isinstance(m, compat.PlaceholderModule)])
print('absent', [n for n in compat.OPTIONAL if n in sys.modules and not find_spec(n)])
print('ops', hasattr(mmcv, 'ops'))
print('stark', MODELS.get('Stark').__module__)
from mmengine.registry import DefaultScope
print('scope', DefaultScope.get_current_instance())
from mmtrack.models.reid.base_reid import BaseReID
from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import ops
for build in (lambda: ops.RoIAlign(7), lambda: ops.nms.batched_nms(1, 2)):
    try:
        build()
    except ImportError as error:
        print('error', error)
print('dunder', hasattr(ops, '__wrapped__'), inspect.unwrap(ops) is ops)
from mmtrack.models.motion import KalmanFilter
from mmtrack.models.task_modules.track import interpolation
print('deferred', [name for name in compat.DEFERRED if name in sys.modules])
filter = KalmanFilter()
print('filter', filter.update(*filter.initiate(np.arange(4.)), np.arange(4.))[0][:4].round(3))
print('scipy', 'scipy.linalg' in sys.modules)
try:
    print(interpolation.RBF(2.))
except ImportError as error:
    print(error)
from mmtrack.datasets.transforms import SeqCropLikeStark
if not hasattr(SeqCropLikeStark.crop_like_stark, '__wrapped__'):
    np.__version__ = '2.4.0'
    compat.crop_with_numpy_2_4()
image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
given = None, image, np.array([3.3, 4.7, 21.2, 30.9], np.float32), 2., 32
mended = SeqCropLikeStark.crop_like_stark(*given)
print('crop', round(32 / mended[1]))
try:
    own = SeqCropLikeStark.crop_like_stark.__wrapped__(*given)
except TypeError:
    print('crop refused')
else:
    print('crop', all(np.array_equal(*pair) for pair in zip(mended, own)))
""")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_bridge_registers_mmtracking_and_leaves_no_trace(bridged):
    import mmcv
    assert f'version {mmcv.__version__}' in bridged
    assert 'finders False' in bridged
    assert 'left []' in bridged
    assert 'absent []' in bridged
    assert any(line.startswith('stark mmtrack.models.sot') for line in bridged)
    assert 'scope None' in bridged


@lite_only
def test_placeholders_say_what_is_missing(bridged):
    errors = [line for line in bridged if line.startswith('error')]
    assert errors == [
        f'error mmcv.ops.{name} needs mmcv with compiled ops, not installed here'
        for name in ('RoIAlign', 'nms.batched_nms')]
    assert 'ops False' in bridged  # absent again, as other packages expect of mmcv-lite
    assert 'dunder False True' in bridged


def test_placeholders_can_be_subclassed_but_not_built():
    with compat.placeholders(('absent_package',)):
        from absent_package.some.module import Thing
    assert 'absent_package' not in sys.modules
    assert find_spec('absent_package') is None

    class Mine(Thing, torch.nn.Module):
        pass

    for cls in (Thing, Mine):
        with pytest.raises(ImportError, match="needs the package 'absent_package'"):
            cls()


def test_without_the_version_mmtracking_refuses_mmcv(python):
    import mmcv
    if mmcv.__version__.startswith('2.0.0rc'):
        pytest.skip('mmcv is of the right age here')
    done = python('compat.accepted_mmcv_version = nullcontext; compat.bridge()')
    assert f'MMCV=={mmcv.__version__} is used but incompatible' in done.stderr


def test_version_is_put_back_when_the_import_fails(python, tmp_path):
    broken = package(tmp_path, mmtrack='import no_such_module')
    done = python("""
try:
    compat.bridge()
except ImportError as error:
    print(error)
import mmcv
print(mmcv.__version__, any(isinstance(f, compat.PlaceholderFinder) for f in sys.meta_path))
""", broken)
    import mmcv
    # A broken MMTracking is an error, not an absent one.
    assert done.stdout.splitlines() == ["No module named 'no_such_module'",
                                        f'{mmcv.__version__} False']


@pytest.mark.parametrize(('name', 'found', 'wanted'), [
    ('mmtrack', '0.14.0', 'mmtrack>=1.0.0rc1,<2: run pip install --no-deps mmtrack==1.0.0rc1 in'),
    ('mmdet', '3.3.0', "mmdet>=3.0.0rc5,<=3.0.0rc6: run pip install -e '.[lite]' in"),
    ('mmengine', '0.8.4', "mmengine>=0.9.0,<0.11: run pip install -e '.[lite]' in"),
    ('mmcv', '1.7.2', "mmcv>=2.0.0rc1,<3: run pip install -e '.[lite]' in")])
def test_other_versions_are_refused_in_a_line(python, tmp_path, name, found, wanted):
    package(tmp_path, **{name: f'__version__ = {found!r}'})
    (tmp_path / name / 'version.py').write_text(f'__version__ = {found!r}\n')
    done = python(training(tmp_path), tmp_path, ROOT)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr == (f'error: {name} {found} is installed, mmct needs {wanted} the folder of '
                           'mmct (README.md, "Install")\n')


@pytest.mark.parametrize('name', ['mmtrack', 'mmengine', 'mmdet', 'torch'])
def test_what_is_not_installed_is_said_in_a_line(python, tmp_path, name):
    run = new_python if name == 'torch' else python
    done = run(f'{without(name)}\n{training(tmp_path)}', ROOT)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith(f'error: {name} is not installed, mmct needs {name}')
    assert done.stderr.count('\n') == 1


def without(name: str) -> str:
    """Code after which a package is not found."""
    return f"""
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(lambda name, path=None, target=None: None if name.split('.')[0]
                                    == {name!r} else find(name, path, target))
"""


def test_a_program_without_mmtracking(python):
    """Opening a config says what is missing; the rest works."""
    done = python(without('mmtrack') + """
import mmengine
import mmct.evaluation, mmct.runtime
try:
    mmct.runtime.Tracker('configs/demo/ostrack_tiny.py', 'configs/demo/ostrack_tiny.pth')
except ImportError as error:
    print(error)
""", ROOT)
    assert done.stdout.startswith('mmtrack is not installed, mmct needs mmtrack>='), done.stderr


def training(folder: Path) -> str:
    """Code that starts a tool."""
    return f"""
import runpy
sys.argv = [{str(ROOT / 'tools/train.py')!r}, {str(ROOT / 'configs/demo/ostrack_tiny.py')!r},
            '--work-dir', {str(folder / 'work')!r}]
sys.path.insert(0, {str(ROOT / 'tools')!r})
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_each_placeholder_is_needed(python):
    done = python("""
absent, given = compat.missing_packages(), []
compat.missing_packages = lambda: tuple(given)
while True:
    try:
        compat.bridge()
        break
    except ModuleNotFoundError as error:
        given.append({'mmcv._ext': 'mmcv.ops'}.get(error.name, error.name))
print(sorted(absent) == sorted(given), given)
""")
    assert done.stdout.startswith('True'), done.stdout + done.stderr


def test_real_packages_and_compiled_operators_are_used(python, tmp_path):
    package(tmp_path, _ext='def __getattr__(name): return lambda *args, **kwargs: name',
            mmcls='', mmcls__models='', mmcls__models__classifiers="""
class ImageClassifier:
    real = True
""", mmcls__evaluation='', mmcls__evaluation__metrics="""
class Accuracy:
    real = True
""")
    done = python(f"""
assert 'mmcls' not in compat.missing_packages()
import mmcv
mmcv.__path__.append({str(tmp_path)!r})
compat.bridge()
from mmtrack.models.reid.base_reid import BaseReID
from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import ops
print(BaseReID.real, sys.modules['mmcls'].__file__, 'scipy' in sys.modules)
print(ops.__file__, ops.RoIAlign(7, 1).output_size, hasattr(mmcv, 'ops'))
""", tmp_path)
    import mmcv
    ops = Path(mmcv.__file__).with_name('ops') / '__init__.py'
    assert done.stdout.splitlines() == [
        f'True {tmp_path}/mmcls/__init__.py True', f'{ops} (7, 7) True'], done.stderr


def test_some_are_imported_when_they_are_called(bridged):
    assert bridged[-6:-2] == [
        'deferred []', 'filter [0. 1. 2. 3.]', 'scipy True',
        'RBF(length_scale=2)' if find_spec('sklearn') else
        "sklearn.gaussian_process.kernels.RBF needs the package 'sklearn', not installed here"]


@pytest.mark.parametrize('name', ['albumentations', 'imagecorruptions'])
def test_what_mmdetection_imports_besides_finds_scipy(python, tmp_path, name):
    """These do more with it than call it."""
    package(tmp_path, **{name: 'from scipy import __version__, special; '
                               'Compose = corrupt = special.ndtr(0)'})
    done = python("""
compat.bridge()
from mmdet.datasets.transforms import transforms
print(transforms.Compose, transforms.corrupt)
""", tmp_path)
    assert '0.5' in done.stdout.split(), done.stderr


def test_right_age_is_left_alone(python):
    """mmcv 2.0.0rc4 keeps its own version."""
    done = python("""
import mmcv
mmcv.__version__ = '2.0.0rc3'
with compat.accepted_mmcv_version():
    print(mmcv.__version__)
""")
    assert (done.returncode, done.stdout.strip()) == (0, '2.0.0rc3'), done.stderr


def test_mmcv_is_asked_for_compiled_ops_as_python_3_14_does(python):
    done = python("""
import pkgutil
vars(pkgutil).pop('find_loader', None)
compat.bridge()
from mmengine.utils.dl_utils import mmcv_full_available
print(mmcv_full_available())
""")
    assert done.stdout.split() == [str(bool(find_spec('mmcv._ext')))], done.stderr


def test_stark_crops_with_numpy_2_4(bridged):
    """The same crop as MMTracking's own, which NumPy runs before 2.4."""
    before = tuple(map(int, np.__version__.split('.')[:2])) < (2, 4)
    # ceil(2 * sqrt(17.9 * 26.2))
    assert bridged[-2:] == ['crop 44', f'crop {True if before else "refused"}']


@pytest.mark.parametrize('name', compat.REQUIRED)
def test_silent_where_one_is_not_installed(python, name):
    done = python(f"""
sys.modules[{name!r}] = None  # as if absent
print(compat.bridge(), 'mmcv' in sys.modules)
""")
    assert (done.stdout.split(), done.stderr) == (['False', 'False'], '')


def test_import_is_silent_without_any_package():
    code = f'import sys; sys.path.insert(0, {str(ROOT)!r}); import mmct; print(mmct.__version__)'
    done = subprocess.run([sys.executable, '-I', '-S', '-c', code], capture_output=True, text=True,
                          check=False)
    assert (done.stdout.strip(), done.stderr) == (mmct.__version__, '')


def registered() -> list[tuple[str, str]]:
    """(registry, name) of all that the sources of mmct register."""
    found = []
    for file in Path(mmct.__file__).parent.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text())):
            for call in getattr(node, 'decorator_list', ()):
                if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(
                        '.register_module'):
                    names = ast.literal_eval(call.args[0]) if call.args else node.name
                    registry = ast.unparse(call.func).partition('.')[0]
                    found += [(registry, name) for name in
                              ([names] if isinstance(names, str) else names)]
    return found


@pytest.mark.parametrize('lines', [
    'import mmct; from mmtrack.apis import init_model', 'import mmengine; import mmct',
    'import mmct.evaluation.evaluators'])
def test_everything_is_registered_in_either_order(python, lines):
    done = python(f"""
{lines}
import mmengine, mmengine.registry, mmtrack.registry
for registry, name in {registered()}:
    home = mmtrack.registry if hasattr(mmtrack.registry, registry) else mmengine.registry
    found = getattr(home, registry).get(name)
    assert found and found.__module__.startswith('mmct.'), name
print(mmengine.__spec__.loader.__class__.__name__, mmengine is sys.modules['mmengine'])
""", ROOT)
    assert (done.returncode, done.stdout.split()) == (0, ['SourceFileLoader', 'True']), done.stderr


def test_light_rooms_import_nothing_heavy():
    done = new_python("""
import importlib, pkgutil
import mmct
for room in ('utils', 'runtime', 'formats'):
    package = importlib.import_module(f'mmct.{room}')
    for module in pkgutil.walk_packages(package.__path__, f'{package.__name__}.'):
        importlib.import_module(module.name)
import mmct.evaluation.metrics
heavy = ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmtrack')
print([name for name in heavy if name in sys.modules])
import mmct.checkpoint
print([name for name in heavy if name in sys.modules])
""", ROOT)
    assert done.stdout.splitlines() == ['[]', "['torch']"], done.stderr


class Toy(BaseModel):
    """One layer that learns to give zero."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, *x, mode='tensor'):
        y = self.layer(torch.stack(x))
        return {'loss': y.square().mean()} if mode == 'loss' else list(y)


class Score(BaseMetric):
    """A metric whose value is NumPy's, as MMTracking's are."""

    def process(self, data_batch, data_samples):
        self.results.append(1.)

    def compute_metrics(self, results):
        return {'score': np.float64(np.mean(results))}


def toy_runner(work_dir: Path, epochs: int, **kwargs) -> Runner:
    def loader():
        return {'dataset': [torch.rand(2) for _ in range(4)], 'batch_size': 2,
                'sampler': {'type': 'DefaultSampler', 'shuffle': False}}

    return Runner(
        Toy(), str(work_dir), experiment_name=f'{work_dir.name}-{epochs}', log_level='ERROR',
        train_dataloader=loader(), val_dataloader=loader(), val_cfg={},
        val_evaluator=Evaluator(Score()),
        train_cfg={'by_epoch': True, 'max_epochs': epochs, 'val_interval': 1},
        optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 1e-3},
                       'clip_grad': {'max_norm': 0.1}},
        param_scheduler=[{'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'end': 3},
                         {'type': 'MultiStepLR', 'milestones': [2]}],
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'save_best': 'score',
                                      'rule': 'greater'},
                       'logger': {'type': 'LoggerHook', 'interval': 1}},
        custom_hooks=[{'type': 'EMAHook'}], **kwargs)


def test_runner_resumes_its_own_checkpoint(tmp_path):
    toy_runner(tmp_path, epochs=1).train()
    runner = toy_runner(tmp_path, epochs=2, resume=True)
    runner.train()
    assert (runner.epoch, runner.iter) == (2, 4)
    assert len(runner.message_hub.log_scalars['train/loss'].data[0]) == 4


def test_without_the_allowance_the_checkpoint_is_refused(python, tmp_path):
    toy_runner(tmp_path, epochs=1).train()
    checkpoint = tmp_path / 'epoch_1.pth'
    done = python(f"""
import torch
try:
    torch.load({str(checkpoint)!r})
except Exception as error:
    print(str(error).split('.')[0])
compat.allow_mmengine_checkpoints()
print(len(torch.load({str(checkpoint)!r})) > 0)
""")
    refused, read = done.stdout.splitlines() or [done.stderr, '']
    assert refused.startswith('Weights only load failed')
    assert read == 'True'


class Malice:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self):
        return os.system, (f'touch {self.file}',)


class Reach:
    """Asks for an attribute of HistoryBuffer that is none of its statistics."""

    def __init__(self, owner, name):
        self.owner, self.name = owner, name

    def __reduce__(self):
        return getattr, (self.owner, self.name)


@pytest.mark.parametrize('inside', ['top', 'history', 'array'])
def test_malicious_checkpoint_is_refused(tmp_path, inside):
    marker = tmp_path / 'marker'
    value = Malice(marker)
    if inside == 'history':
        value = HistoryBuffer([1.], [1])
        value.payload = Malice(marker)
    elif inside == 'array':
        value = np.array([Malice(marker), None])
    torch.save({'state_dict': {}, 'meta': value}, tmp_path / 'evil.pth')
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        torch.load(tmp_path / 'evil.pth')
    assert not marker.exists()


@pytest.mark.parametrize(('owner', 'name'), [(HistoryBuffer, '__init__'), (torch.Tensor, 'numpy')])
def test_getattr_of_a_checkpoint_reaches_statistics_only(tmp_path, owner, name):
    torch.save({'meta': Reach(owner, name)}, tmp_path / 'reach.pth')
    with pytest.raises(pickle.UnpicklingError, match='is not a statistic of HistoryBuffer'):
        torch.load(tmp_path / 'reach.pth')


@pytest.mark.parametrize('value', [np.float64(1), np.float32(1), np.int64(1), np.bool_(True),
                                   np.arange(3), np.array(['a'])])
def test_numpy_values_are_read_back(tmp_path, value):
    torch.save({'meta': value}, tmp_path / 'value.pth')
    loaded = torch.load(tmp_path / 'value.pth')['meta']
    assert type(loaded) is type(value)
    np.testing.assert_array_equal(loaded, value)
