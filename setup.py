"""Packaging; the ranges of all dependencies stand here, OpenMMLab's in mmct/compat.py, which checks
them when they are imported."""
import ast
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
TENSORBOARD = 'tensorboard>=2.14,<3'
PYAV = 'av>=12,<19'
# Read, not imported: nothing that mmct needs is installed yet.
VERSIONS = next(
    ast.literal_eval(node.value) for node in ast.parse((ROOT / 'mmct/compat.py').read_text()).body
    if isinstance(node, ast.Assign) and node.targets[0].id == 'VERSIONS')

# For training, testing and exporting. MMTracking itself (mmtrack 1.0.0rc1) is missing here: its
# metadata asks for a pandas and a scipy that no longer install, so it has to be installed with
# `pip install --no-deps`. So is mmcv: `mmcv-lite` (extra `lite`) and a compiled `mmcv` own the same
# files, and whoever has compiled the one must not get the other on top of it.
TRAIN = [
    'torch>=2.6',  # earlier ones cannot name what a checkpoint would run
    'numpy!=1.24.*,!=1.25.*,!=1.26.*',  # these lack np.bool, which MMTracking uses
    f'mmengine{VERSIONS["mmengine"]}',
    f'mmdet{VERSIONS["mmdet"]}',
    'jinja2',
    'matplotlib',
    'opencv-python',
    'packaging',
    'pycocotools',
    'rich',
    'scipy',
    'setuptools<82',  # MMEngine imports pkg_resources and, gone from Python 3.12, distutils
    'six',
    'tabulate',
    'terminaltables',
    'tqdm',
]


class BuildWithMim(build_py):
    """Put configs and tools into the built package, as ``mmct/.mim``, where MIM looks for them.

    An editable installation has none of it: there the checkout's own folders serve.
    """

    def run(self):
        super().run()
        if self.editable_mode:
            return
        mim = Path(self.build_lib) / 'mmct' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        for folder in ('configs', 'tools'):
            shutil.copytree(ROOT / folder, mim / folder,
                            ignore=shutil.ignore_patterns('__pycache__'))


setup(
    name='mmct',
    version=re.search(r"__version__ = '(.+)'", (ROOT / 'mmct/__init__.py').read_text())[1],
    description='Compression of one-stream transformer trackers, as a plugin for MMTracking 1.x',
    author='The mmct authors',
    license='Apache-2.0',
    python_requires='>=3.10',
    classifiers=[f'Programming Language :: Python :: 3.{minor}' for minor in range(10, 15)],
    packages=find_packages(include=['mmct', 'mmct.*']),
    # So that an editable installation is an entry of sys.path: another kind loses to a folder mmct
    # (the clone's own) in the current one.
    package_dir={'': '.'},
    package_data={'mmct': ['**/*.pth', 'formats/splits/*.txt']},
    entry_points={'console_scripts': ['mmct = mmct.__main__:main']},
    cmdclass={'build_py': BuildWithMim},
    # What all extras have in common, since an extra can only add. OpenCV is not part of it: devices
    # get opencv-python-headless, MMEngine asks for opencv-python, and both own the same files.
    install_requires=['numpy>=1.22'],
    extras_require={
        'runtime': ['onnxruntime>=1.20,<2', 'opencv-python-headless'],
        'train': TRAIN,
        'lite': [*TRAIN, 'mmcv-lite>=2.0.0,<2.1.0'],  # MMDetection accepts no later one
        # Photographs, of which matplotlib has some, too; videos that browsers play.
        'demo': ['scikit-image', 'scikit-learn', PYAV],
        'video': [PYAV],
        'deploy': ['nncf>=3.0,<4', 'onnx>=1.17,<2', 'onnxruntime>=1.20,<2', 'openvino>=2025.0'],
        'docs': ['mkdocs-material>=9.5,<10', 'mkdocstrings[python]>=0.26,<2'],
        'tensorboard': [TENSORBOARD],
        # With attributee 0.1.10 neither the toolkit can be imported, nor MMTracking, which does so.
        'vot': ['attributee>=0.1.8,<0.1.10', 'vot-toolkit>=0.7,<1', 'vot-trax>=4.0.1,<5'],
        'dev': ['hypothesis', 'ipykernel>=6.29,<8', 'nbclient>=0.10,<0.12', 'playwright', 'pytest',
                'pytest-xdist', 'ruff', 'setuptools', TENSORBOARD, 'wheel'],
    },
)
