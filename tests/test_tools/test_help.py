"""What a command line says of itself, at once."""
import subprocess
import sys

import pytest
from commands import ROOT

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
