"""docs/quickstart.ipynb, from top to bottom."""
import json

import pytest
from commands import ROOT

NOTEBOOK = ROOT / 'docs/quickstart.ipynb'
# Fewer videos, frames and steps do, and a process.
LESS = {"'--train', '16', '--val', '4'": "'--train', '2', '--val', '1', '--workers', '1'",
        "'--test-frames', '60'": "'--test-frames', '20'",
        "batch_size': 16": "batch_size': 4", "pairs_per_epoch': 640": "pairs_per_epoch': 20"}


def test_the_notebook_runs(tmp_path, monkeypatch):
    nbclient = pytest.importorskip('nbclient', reason='the extra dev is not installed')
    nbformat = pytest.importorskip('nbformat')
    pytest.importorskip('ipykernel', reason='the extra dev is not installed')
    pytest.importorskip('onnxruntime', reason='the extra deploy is not installed')
    pytest.importorskip('skimage', reason='the extra demo is not installed')
    for folder in ('configs', 'tools'):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for text, less in LESS.items():
        cell, = (cell for cell in notebook.cells if text in cell.source)
        cell.source = cell.source.replace(text, less)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name='python3',
                            resources={'metadata': {'path': str(tmp_path)}}).execute()
    said = ''.join(output.get('text', '') for cell in notebook.cells
                   for output in cell.get('outputs', ()))
    assert 'teacher, 12 layers: mean IoU 0.' in said
    assert 'student,  4 layers: mean IoU 0.' in said
    assert 'boxes differ from PyTorch by at most 0.0' in said
    assert (tmp_path / 'work_dirs/quickstart/boxes.png').stat().st_size > 10_000


def test_the_notebook_holds_no_outputs():
    for cell in json.loads(NOTEBOOK.read_text())['cells']:
        assert not cell.get('outputs')
        assert not cell.get('execution_count')
