"""MMTracking 1.x on current PyTorch, NumPy and mmcv-lite: all that mmct knows of versions.

MMTracking 1.0.0rc1 was written for PyTorch 1 and mmcv 2.0.0rc. :func:`bridge` imports it on a
later stack without an edit of any installed package. Seven things stand in the way, and each mend
acts only if its obstacle is there, so on a machine of the right age nothing is changed:

1. ``import mmtrack`` asserts an mmcv version: :func:`accepted_mmcv_version`;
2. ``mmcv.ops`` is imported, which mmcv-lite cannot: :func:`placeholders`;
3. so are packages for multi-object tracking and ReID: :func:`placeholders`;
4. ``torch.load`` refuses classes in MMEngine's checkpoints: :func:`allow_mmengine_checkpoints`;
5. MMEngine's ``activation_checkpointing`` loses gradients: :func:`checkpoint_any_arguments`;
6. MMEngine calls what Python 3.14 took out of ``pkgutil``: :func:`find_compiled_ops`;
7. MMTracking's crops treat arrays as numbers, NumPy 2.4 does not: :func:`crop_with_numpy_2_4`.
"""
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType, SimpleNamespace

REQUIRED = ('torch', 'mmengine', 'mmtrack')
OPENMMLAB = ('mmengine', 'mmcv', 'mmdet', 'mmtrack')
# What works with mmct; setup.py reads it.
VERSIONS = {
    'mmengine': '>=0.9.0,<0.11',
    'mmcv': '>=2.0.0rc1,<3',
    'mmdet': '>=3.0.0rc5,<=3.0.0rc6',  # 3.0.0 moved names that MMTracking imports
    'mmtrack': '>=1.0.0rc1,<2',
}
# Modules of this package that register something with MMEngine.
REGISTERING = tuple(f'{__package__}.{name}' for name in (
    'models', 'datasets', 'engine', 'evaluation.evaluators'))
# Those that need MMTracking besides: without it they say how to install it.
NEEDING = tuple(f'{__package__}.{name}' for name in ('api', 'checkpoint', 'deploy'))
# Imported by MMTracking for multi-object tracking, ReID and drawing; not used by mmct.
OPTIONAL = ('lap', 'mmcls', 'motmetrics', 'seaborn', 'trackeval')
# Imported by MMDetection if they are installed.
EXTRAS = ('albumentations', 'cityscapesscripts', 'imagecorruptions', 'lvis', 'panopticapi')
# Take half a second or more to import, and are only called: imported when they are called. Unless a
# package above is installed, which may do more with them as it is imported.
DEFERRED = ('scipy', 'sklearn')
# mmcls 1.0.0rc6, if it is installed, asks for no less; mmtrack for less than 2.0.0.
MMCV_VERSION = '2.0.0rc4'


def bridge() -> bool:
    """Import MMTracking whole, so that everything of it is registered; False, with nothing done, if
    it, MMEngine or PyTorch is not installed; ImportError if one is broken or of a wrong version."""
    if not all(installed(name) for name in REQUIRED):
        return False
    check_versions()
    allow_mmengine_checkpoints()
    checkpoint_any_arguments()
    find_compiled_ops()
    deferred = () if any(map(installed, (*OPTIONAL, *EXTRAS))) else DEFERRED
    with accepted_mmcv_version(), placeholders((*missing_packages(), *deferred)):
        # The placeholders go afterwards, so all that imports them is imported here.
        importlib.import_module('mmtrack.utils').register_all_modules(init_default_scope=False)
        importlib.import_module('mmdet.apis')
        importlib.import_module('mmtrack.apis')
    crop_with_numpy_2_4()
    return True


class FirstUse:
    """Bridges and registers just before something of OpenMMLab, or of mmct that builds on it, is
    imported first: scripts that track with an exported file import nothing of it, and all others
    find it ready, or one line that says how to install it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in (*OPENMMLAB, *REGISTERING):
            return None
        sys.meta_path.remove(self)
        if not bridge():
            if name in REGISTERING or any(module in sys.modules for module in NEEDING):
                raise ImportError(how_to_install(next(
                    missing for missing in REQUIRED if not installed(missing))))
            sys.meta_path.insert(0, self)  # what needs it may be imported yet
            return None  # to be found, or not, without the bridge
        register()
        # The module that is being looked for is imported by now, and it must not be imported
        # twice. Python loads it by the spec that it has now.
        module = sys.modules[name]
        module.__spec__ = ModuleSpec(name, AlreadyImported(module))
        return module.__spec__


class AlreadyImported:
    """Loads a module by handing it out, as it was before it was looked for."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


def prepare_openmmlab() -> None:
    """Bridge and register now if something of OpenMMLab is imported, otherwise when it is."""
    if any(name in sys.modules for name in OPENMMLAB) and bridge():
        register()
    elif not any(isinstance(finder, FirstUse) for finder in sys.meta_path):
        sys.meta_path.insert(0, FirstUse())


def register() -> None:
    """Import all that registers something with MMEngine."""
    for name in REGISTERING:
        importlib.import_module(name)


def installed(name: str) -> bool:
    """Whether module ``name`` can be imported; it is not, but its parent is."""
    return sys.modules.get(name) is not None or find_spec(name) is not None


def check_versions() -> None:
    """ImportError if a package of OpenMMLab, none of which is imported for this, is of a version
    that mmct does not work with."""
    from packaging.specifiers import SpecifierSet

    for name, wanted in VERSIONS.items():
        found = version_of(name)
        if found and not SpecifierSet(wanted).contains(found, prereleases=True):
            raise ImportError(how_to_install(name, found))


def version_of(name: str) -> str | None:
    """Version of the package that ``import name`` gives, None if that is not known."""
    if name in sys.modules:
        return getattr(sys.modules[name], '__version__', None)
    spec = find_spec(name)
    # Not from the metadata, which may be another installation's.
    file = Path(spec.origin).with_name('version.py') if spec and spec.origin else None
    text = file.read_text() if file and file.is_file() else ''
    match = re.search(r'^__version__ = [\'"](.+?)[\'"]', text, re.MULTILINE)
    return match and match[1]


def how_to_install(name: str, found: str | None = None) -> str:
    """A line about a package that is missing, or of another version than mmct works with."""
    what = f'{name} {found} is installed' if found else f'{name} is not installed'
    command = ('pip install --no-deps mmtrack==1.0.0rc1' if name == 'mmtrack'
               else "pip install -e '.[lite]'")
    return (f'{what}, mmct needs {name}{VERSIONS.get(name, "")}: run {command} in the folder of '
            'mmct (README.md, "Install")')


def missing_packages() -> tuple[str, ...]:
    """Names of the modules that MMTracking imports in vain."""
    # mmcv-lite has the sources of mmcv.ops, but nothing compiled.
    ops = () if installed('mmcv._ext') else ('mmcv.ops', )
    return (*(name for name in OPTIONAL if not installed(name)), *ops)


@contextmanager
def accepted_mmcv_version() -> Iterator[None]:
    """Let mmcv's version read as one that MMTracking and MMDetection accept."""
    import mmcv
    from mmengine.utils import digit_version

    version = mmcv.__version__
    if not digit_version('2.0.0rc1') <= digit_version(version) < digit_version('2.0.0'):
        mmcv.__version__ = MMCV_VERSION
    try:
        yield
    finally:
        mmcv.__version__ = version


@contextmanager
def placeholders(packages: tuple[str, ...]) -> Iterator[None]:
    """Let ``packages`` and all below them be imported, though they are not installed.

    Every name in them is a class that can be imported, subclassed and registered, but not built.
    Afterwards the packages are absent again: MMEngine asks whether there is ``mmcv.ops``.
    """
    finder = PlaceholderFinder(packages)
    # First, because mmcv-lite's own mmcv.ops would be found and fail.
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name, module in list(sys.modules.items()):
            if isinstance(module, PlaceholderModule):
                del sys.modules[name]
                parent, _, child = name.rpartition('.')
                if parent in sys.modules:
                    vars(sys.modules[parent]).pop(child, None)


class PlaceholderFinder:
    """Finds and loads a :class:`PlaceholderModule` for each absent module."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if any(f'{name}.'.startswith(f'{package}.') for package in self.packages):
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return PlaceholderModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class PlaceholderModule(ModuleType):
    """A module that has every name; each is a class that cannot be built."""

    def __getattr__(self, name: str) -> type:
        if name.startswith('__'):  # inspect, pickle and the import system ask for these
            raise AttributeError(name)
        placeholder = type(name, (Placeholder,), {'__module__': self.__name__})
        setattr(self, name, placeholder)
        return placeholder


class Placeholder:
    """Base of all classes in a :class:`PlaceholderModule`."""

    def __new__(cls, *args, **kwargs):
        absent = cls.__mro__[cls.__mro__.index(Placeholder) - 1]
        package = absent.__module__.partition('.')[0]
        if package in DEFERRED and installed(package):
            real = getattr(importlib.import_module(absent.__module__), absent.__name__)
            return real(*args, **kwargs)
        what = 'mmcv with compiled ops' if package == 'mmcv' else f"the package '{package}'"
        raise ImportError(f'{cls.__module__}.{cls.__name__} needs {what}, not installed here')


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read MMEngine's checkpoints without turning its protection off: they hold
    logged values (``HistoryBuffer``) and numbers and arrays of NumPy."""
    import torch
    from mmengine.logging import HistoryBuffer

    torch.serialization.add_safe_globals([
        HistoryBuffer, *numpy_in_pickles(), (history_statistic, 'builtins.getattr')])


def numpy_in_pickles() -> list:
    """What the pickles of NumPy's numbers and arrays call, as ``safe_globals`` takes it: classes,
    and functions with their names in both NumPy 1 and 2. Arrays of objects are not among them."""
    import numpy as np

    scalar, reconstruct = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    functions = [(function, f'{core}.multiarray.{name}') for core in ('numpy.core', 'numpy._core')
                 for function, name in ((scalar, 'scalar'), (reconstruct, '_reconstruct'))]
    dtypes = {type(np.dtype(code)) for code in np.typecodes['All'] if code not in 'OV'}
    return [np.ndarray, np.dtype, *dtypes, *functions]


def history_statistic(owner: object, name: str) -> Callable:
    """Stand in for ``getattr`` in checkpoints, which would let them reach whatever they like; by it
    HistoryBuffer's methods are stored."""
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name.startswith('_'):
        raise UnpicklingError(f'{name!r} of {owner!r} is not a statistic of HistoryBuffer')
    return getattr(owner, name)


def checkpoint_any_arguments() -> None:
    """Let MMEngine's option ``activation_checkpointing`` be used on layers whose arguments hold
    their tensors inside (``Tokens``); PyTorch's reentrant kind gives these no gradient."""
    from mmengine.runner import activation_checkpointing
    from torch.utils.checkpoint import checkpoint

    activation_checkpointing.checkpoint = partial(checkpoint, use_reentrant=False)


def find_compiled_ops() -> None:
    """Let MMEngine ask whether mmcv has compiled ops: ``pkgutil.find_loader`` ended in 3.14."""
    import pkgutil

    if hasattr(pkgutil, 'find_loader'):
        return
    from mmengine.utils.dl_utils import misc

    misc.pkgutil = SimpleNamespace(find_loader=find_spec)


def crop_with_numpy_2_4() -> None:
    """Let Stark's crops in MMTracking use arrays of one element as numbers, as before NumPy 2.4."""
    import numpy as np
    from mmengine.utils import digit_version
    from mmtrack.datasets.transforms import SeqCropLikeStark

    if digit_version(np.__version__) < digit_version('2.4'):
        return

    class Sides(np.ndarray):
        """A box whose sides, split into arrays of one element, are numbers to ``math``."""

        def __float__(self) -> float:
            return float(self.item())

        def __int__(self) -> int:
            return int(self.item())

    crop = SeqCropLikeStark.crop_like_stark

    @wraps(crop)
    def crop_like_stark(self, img, bbox, *args, **kwargs):
        return crop(self, img, bbox.view(Sides), *args, **kwargs)

    SeqCropLikeStark.crop_like_stark = crop_like_stark
