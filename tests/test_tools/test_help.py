"""What a command line says of itself, at once."""
import subprocess
import sys

import pytest
from commands import ROOT, run_tool
from data_preparation.layouts import LAYOUTS

from mmct.formats.sequences import DATASETS

TOOLS = sorted(path.name for path in (ROOT / 'tools').glob('*.py') if path.name != 'cli.py')
HELP = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.argv = [sys.argv[2], '--help']
try:
    runpy.run_path(f'{sys.path[0]}/{sys.argv[0]}', run_name='__main__')
except SystemExit as end:
    assert not end.code
print('loaded', sorted({'torch', 'mmengine', 'mmct'} & sys.modules.keys()))
"""


@pytest.mark.parametrize('name', TOOLS)
def test_help_loads_no_torch(name):
    done = subprocess.run([sys.executable, '-c', HELP, str(ROOT / 'tools'), name],
                          capture_output=True, text=True, check=True)
    assert done.stdout.startswith('usage: ')
    assert done.stdout.endswith('loaded []\n')
    # The docstring's first line says what the tool is for.
    first = (ROOT / 'tools' / name).read_text().split('"""')[1].split('\n')[0]
    assert first[:40] in ' '.join(done.stdout.split())


def test_evaluation_names_every_layout():
    titles = dict(lasot='LaSOT, ', lasot_ext='its extension', tnl2k='TNL2K',
                  trackingnet='TrackingNet', got10k='GOT-10k', uav123='UAV123', nfs='NfS',
                  otb100='OTB100', vot='VOT', own='own data')
    training = ('vasttrack', )  # nobody is tested on
    known = [name for name in DATASETS if name not in training]
    assert list(titles) == known == [name for name in LAYOUTS if name not in training]
    done = run_tool('evaluate.py', '--help')
    assert [title for title in titles.values() if title not in done.out] == []
