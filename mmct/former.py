"""Modules of 0.1 under their former names, with a warning, for one more version."""
import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[1] / 'tools'
# {former module: the place of its names now}, in this package or in the folder of the tools.
FORMER = {
    'mmct.analysis': ('mmct.formats', 'mmct.evaluation'),
    'mmct.analysis.results': ('mmct.formats', ),
    'mmct.datasets.transforms.frame_reader': ('mmct.datasets.transforms.load', ),
    'mmct.layouts': ('data_preparation.layouts', ),
    'mmct.layouts.check': ('data_preparation.check', ),
    'mmct.layouts.sequences': ('mmct.formats.sequences', 'mmct.runtime.frames'),
    'mmct.report': ('report_page.write', ),
    'mmct.report.clips': ('report_page.clips', ),
}
RENAMED = {'frames_of_video': 'count_frames', 'decodable': 'decoded_size'}


class FormerModules:
    """Finds a former module, as one that holds the names of those that took its place."""

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name in FORMER else None

    def create_module(self, spec: ModuleSpec) -> None:
        """None: Python makes one."""

    def exec_module(self, module: ModuleType) -> None:
        places = FORMER[module.__name__]
        warnings.warn(f'{module.__name__} is now {" and ".join(places)}', DeprecationWarning,
                      stacklevel=2)
        if str(TOOLS) not in sys.path:
            sys.path.append(str(TOOLS))
        names = vars(module)
        for place in places:
            names.update((name, value) for name, value in vars(
                importlib.import_module(place)).items() if not name.startswith('_'))
        names.update((old, names[new]) for old, new in RENAMED.items() if new in names)
