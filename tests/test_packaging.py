"""The wheel: what is in it, that it works away from the checkout, and what it asks for."""
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mmct

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / 'setup.py').exists(), reason='not in a checkout')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel, built in a copy because building leaves files in the checkout."""
    folder = tmp_path_factory.mktemp('wheel')
    ignore = shutil.ignore_patterns('.*', '__pycache__', 'tests', 'work_dirs', 'data', 'build')
    shutil.copytree(ROOT, folder / 'checkout', ignore=ignore)
    (folder / 'checkout/mmct/some.pth').touch()
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps',
                    '--no-build-isolation', '--no-index', '--wheel-dir', folder,
                    folder / 'checkout'], check=True)
    return zipfile.ZipFile(folder / f'mmct-{mmct.__version__}-py3-none-any.whl')


def files(*folders: str) -> set[str]:
    """Files of the checkout that are to be in the wheel, relative to its root."""
    return {path.relative_to(ROOT).as_posix() for folder in folders
            for path in (ROOT / folder).rglob('*')
            if path.is_file() and '__pycache__' not in path.parts}


def test_wheel_holds_package_configs_and_tools(wheel):
    names = {name for name in wheel.namelist() if '.dist-info/' not in name}
    extra = {f'mmct/.mim/{file}' for file in files('configs', 'tools')}
    assert names == files('mmct') | extra | {'mmct/some.pth'}


def test_wheel_works_away_from_the_checkout(wheel, tmp_path):
    """Its own weights follow a square that moves by a pixel a frame."""
    wheel.extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from pathlib import Path
import numpy as np
import mmct
from mmct.runtime import Tracker

def frame(left):
    image = np.full((120, 160, 3), 90, np.uint8)
    image[50:74, left:left + 24] = 30, 200, 240
    return image

demo = Path(mmct.__file__).with_name('.mim') / 'configs/demo'
tracker = Tracker(demo / 'ostrack_tiny.py', demo / 'ostrack_tiny.pth')
tracker.init(frame(60), (60, 50, 24, 24))
for left in range(61, 71):
    (x, y, w, h), score = tracker.update(frame(left))
print(mmct.__file__, abs(x + w / 2 - 82) < 4 and abs(y + h / 2 - 62) < 4)
"""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-I', '-c', code], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(tmp_path / 'mmct/__init__.py'), 'True'], done.stderr


def test_editable_installation_wins_over_the_clones_own_folder(tmp_path):
    """In the folder above a clone called mmct, `import mmct` finds the package."""
    clone, site = tmp_path / 'above/mmct', tmp_path / 'site'
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(
        '.*', '__pycache__', 'tests', 'work_dirs', 'data', 'build'))
    # What pip calls for --editable.
    subprocess.run([sys.executable, '-c', f'from setuptools import build_meta; '
                    f'build_meta.build_editable({str(tmp_path)!r})'], cwd=clone, check=True,
                   capture_output=True)
    zipfile.ZipFile(next(tmp_path.glob('*.whl'))).extractall(site)
    code = f'import site; site.addsitedir({str(site)!r}); import mmct; print(mmct.__file__)'
    done = subprocess.run([sys.executable, '-S', '-c', code], cwd=clone.parent, check=True,
                          capture_output=True, text=True, env={})
    assert done.stdout.strip() == str(clone / 'mmct/__init__.py')


def test_a_device_gets_what_it_needs_and_no_more(wheel):
    metadata, = (name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    wanted = list(map(Requirement, message_from_bytes(
        wheel.read(metadata)).get_all('Requires-Dist')))

    def asked(*extras: str) -> set[str]:
        return {own.name for own in wanted for extra in ('', *extras)
                if not own.marker or own.marker.evaluate({'extra': extra})}
    assert asked('runtime') == {'numpy', 'onnxruntime', 'opencv-python-headless'}
    assert {'torch', 'mmengine', 'mmdet', 'opencv-python', 'rich'} < asked('train')
    assert asked('lite') == asked('train') | {'mmcv-lite'}
    # Two kinds of OpenCV own the same files.
    assert 'opencv-python-headless' not in asked('lite', 'demo', 'deploy', 'dev', 'docs')


def constraints(python: str) -> dict[str, list[str]]:
    """The versions that ``constraints.txt`` has of each package for a Python on Linux."""
    found = {}
    for line in (ROOT / 'constraints.txt').read_text().splitlines():
        if line.startswith('#'):
            continue
        wanted = Requirement(line)
        if not wanted.marker or wanted.marker.evaluate(
                dict(python_full_version=python, sys_platform='linux')):
            found.setdefault(canonicalize_name(wanted.name), []).append(str(wanted.specifier)[2:])
    return found


@pytest.mark.parametrize('minor', range(10, 15))
def test_each_python_has_one_version_of_each_requirement(wheel, minor):
    metadata, = (name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    metadata = message_from_bytes(wheel.read(metadata))
    assert f'Programming Language :: Python :: 3.{minor}' in metadata.get_all('Classifier')
    pinned = constraints(f'3.{minor}.9')
    assert {name: versions for name, versions in pinned.items() if len(versions) > 1} == {}
    requirements = [Requirement(line) for line in metadata.get_all('Requires-Dist')]
    requirements.append(Requirement('mmtrack>=1.0.0rc1,<2'))
    for wanted in requirements:
        version, = pinned[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version, prereleases=True), wanted
