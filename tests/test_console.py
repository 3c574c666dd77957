"""The command ``mmct`` and what the package itself gives."""
import subprocess
import sys

import pytest
from commands import ROOT

import mmct.__main__ as console

LIGHT = """
import sys
import mmct
assert not {'torch', 'mmengine', 'cv2'} & sys.modules.keys()
from mmct import Tracker
assert Tracker.__module__ == 'mmct.runtime.tracker'
assert not {'torch', 'mmengine'} & sys.modules.keys()
"""


def test_the_tracker_of_the_package_is_light():
    subprocess.run([sys.executable, '-c', LIGHT], check=True, cwd=ROOT)


def mmct(monkeypatch, *args) -> int:
    monkeypatch.setattr(sys, 'argv', ['mmct', *args])
    monkeypatch.setattr(sys, 'path', [*sys.path])
    try:
        console.main()
    except SystemExit as end:
        return end.code or 0
    return 0


def test_all_tools_are_listed(monkeypatch, capsys):
    assert mmct(monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    tools = {file.stem for file in (ROOT / 'tools').glob('*.py')} - {'cli'}
    assert {line.split()[0] for line in lines} == tools | {'track'}
    assert all(len(line.split()) > 2 for line in lines)


@pytest.mark.parametrize('name', ['track', 'compress', 'export', 'check-dataset'])
def test_a_tool_by_its_name(monkeypatch, capsys, name):
    """Which it says as it was typed, in its help and in its errors."""
    assert mmct(monkeypatch, name, '--help') == 0
    assert capsys.readouterr().out.startswith(f'usage: mmct {name} ')
    assert mmct(monkeypatch, name, '--none') == 2
    assert f'\nmmct {name}: error: ' in capsys.readouterr().err


def test_an_unknown_tool(monkeypatch, capsys):
    assert mmct(monkeypatch, 'trak') == 2
    assert capsys.readouterr().err.startswith('error: trak is not one of the tools analyze_stages,')


def test_an_installation_without_tools(monkeypatch, tmp_path):
    monkeypatch.setattr(console, 'PLACES', [tmp_path / 'tools'])
    assert mmct(monkeypatch, 'track') == (f'error: this installation of mmct has no tools; they '
                                          f'were expected in {tmp_path / "tools"}')
