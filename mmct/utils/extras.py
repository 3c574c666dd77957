"""Packages that only some parts need."""
import importlib
from types import ModuleType


def require(name: str, extra: str = 'deploy') -> ModuleType:
    """Import a package of an extra, which is named if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(f'{name.split(".")[0]} is needed for this and not installed; run '
                          f"pip install -e '.[{extra}]' in the folder of mmct") from None
