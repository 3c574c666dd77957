"""The wheel: what is in it, and that it works away from the checkout."""
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
    wheel.extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import mmct
from mmtrack.registry import MODELS
print(mmct.__file__, MODELS.get('OSTrack').__module__.split('.')[0])
"""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-I', '-c', code], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(tmp_path / 'mmct/__init__.py'), 'mmct'], done.stderr
