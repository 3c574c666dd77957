"""Scripts that were written for 0.1 find what they import."""
import importlib
import sys
from pathlib import Path

import pytest

from mmct import former


@pytest.mark.parametrize(('module', 'names'), [
    ('mmct.analysis', ['Annotation', 'evaluate', 'read_annotations', 'read_results']),
    ('mmct.analysis.results', ['read_boxes']),
    ('mmct.datasets.transforms.frame_reader', ['FrameReader']),
    ('mmct.layouts.check', ['decodable', 'frames_of_video']),
    ('mmct.layouts.sequences', ['image_names']),
    ('mmct.report', ['write_report']),
    ('mmct.report.clips', ['find_clip'])])
def test_former_names(monkeypatch, module, names):
    for name in former.FORMER:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.warns(DeprecationWarning, match=f'^{module} is now '):
        found = importlib.import_module(module)
    assert all(callable(getattr(found, name)) for name in names)


def test_all_of_them_can_be_imported():
    assert Path(__file__).parents[1] / 'tools' == former.TOOLS
    for name in former.FORMER:
        assert importlib.import_module(name).__name__ == name


def test_what_never_was():
    with pytest.raises(ModuleNotFoundError, match='mmct.layouts.nothing'):
        importlib.import_module('mmct.layouts.nothing')
