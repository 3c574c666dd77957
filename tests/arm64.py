"""Compare the bits of crops on this machine with those on ARM, where Python runs emulated.

    .venv/bin/python tests/arm64.py FOLDER

fetches 70 MB of Debian's packages and PyPI's wheels for arm64 into FOLDER, and needs apt-get and
qemu-aarch64-static (Debian and Ubuntu: qemu-user-static). No test, because it takes a network.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from mmct.runtime.geometry import crop_square

ROOT = Path(__file__).parents[1]
DEBIAN = 'deb http://deb.debian.org/debian bookworm main\n'
PACKAGES = ('python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib', 'libc6',
            'libgcc-s1', 'libstdc++6', 'zlib1g', 'libexpat1', 'libffi8', 'libbz2-1.0', 'liblzma5')
CUTS = {'shrunk': [(129, 128), (150, 96), (173, 128), (257, 128), (333, 192), (400, 256),
                   (700, 192), (999, 256)],
        'enlarged': [(31, 256), (60, 96), (100, 128), (100, 192), (200, 256)]}


def crops() -> None:
    """Print what is cut, how, and a digest of its bits."""
    y, x = np.mgrid[:1080, :1920]
    frames = [np.stack([x * y // 97, 3 * x + y, x // 2 + y * y // 50], -1).astype(np.uint8),
              np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)]
    for exact in (False, True):
        for what, cuts in CUTS.items():
            for side, size in cuts:
                box = 960 - side / 4, 540 - side / 4, side / 2, side / 2
                for frame in frames:
                    crop, _ = crop_square(frame, box, 2., size, exact=exact)
                    print(what, 'by exact_crops' if exact else 'by default',
                          hashlib.md5(crop, usedforsecurity=False).hexdigest())


def emulated(folder: Path) -> list[str]:
    """The command of Python on ARM; into the folder goes what it needs."""
    if not shutil.which('qemu-aarch64-static'):
        sys.exit('qemu-aarch64-static is not found; install it (Debian, Ubuntu: qemu-user-static)')
    system, packages = folder / 'system', folder / 'packages'
    for own in (system, packages, folder / 'lists/partial', folder / 'cache/archives/partial'):
        own.mkdir(parents=True, exist_ok=True)
    (folder / 'sources.list').write_text(DEBIAN)
    settings = {'APT::Architecture': 'arm64', 'APT::Architectures': 'arm64',
                'APT::Sandbox::User': 'root',  # who may write into the folder, if this is root
                'Dir::Etc::SourceList': folder / 'sources.list', 'Dir::Etc::SourceParts': '/none',
                'Dir::State::Lists': folder / 'lists', 'Dir::State::Status': '/dev/null',
                'Dir::Cache': folder / 'cache'}
    apt = ['apt-get', '-qq', *(f'-o{name}={value}' for name, value in settings.items())]
    subprocess.run([*apt, 'update'], check=True)
    subprocess.run([*apt, 'download', *PACKAGES], check=True, cwd=folder)
    for file in folder.glob('*.deb'):
        subprocess.run(['dpkg-deb', '-x', file, system], check=True)
    wheels = [f'{name}=={distribution(own).version}' for name, own in (
        ('numpy', 'numpy'), ('opencv-python-headless', 'opencv-python'))]
    platforms = [f'--platform=manylinux{own}_aarch64' for own in ('_2_28', '_2_27', '2014')]
    subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '-d', folder,
                    '--only-binary=:all:', '--python-version=3.11', *platforms, *wheels],
                   check=True)
    for file in folder.glob('*.whl'):
        zipfile.ZipFile(file).extractall(packages)
    return ['qemu-aarch64-static', '-L', str(system), '-E', f'PYTHONPATH={ROOT}:{packages}',
            str(system / 'usr/bin/python3.11')]


def main(folder: Path) -> None:
    own, other = (subprocess.run([*python, __file__], check=True, text=True, capture_output=True,
                                 env=os.environ | {'PYTHONPATH': str(ROOT)}).stdout.splitlines()
                  for python in ([sys.executable], emulated(folder)))
    for kind in dict.fromkeys(line.rpartition(' ')[0] for line in own):
        same = [one == two for one, two in zip(own, other, strict=True) if one.startswith(kind)]
        print(f'{kind}: {sum(same)} of {len(same)} crops have the same bits on ARM')


if __name__ == '__main__':
    main(Path(sys.argv[1]).absolute()) if sys.argv[1:] else crops()
