"""The rooms of the package: each imports only from those before it. Read, not imported."""
import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mmct'
ROOMS = ('utils', 'compat', 'runtime', 'formats', 'checkpoint', 'models', 'datasets', 'evaluation',
         'visualization', 'engine', 'deploy', 'api', 'former')


def room_of(module: tuple[str, ...]) -> str | None:
    """The room of ``('mmct', room, …)``, None for the package itself."""
    return module[1] if len(module) > 1 else None


def imported(file: Path, text: str) -> Iterator[tuple[int, str]]:
    """(line, room of this package, or 'mmct' if named absolutely) of each import of a file."""
    own = ('mmct', *file.relative_to(PACKAGE).with_suffix('').parts)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        elif isinstance(node, ast.ImportFrom):
            above = own[:len(own) - node.level] + tuple((node.module or '').split('.'))
            above = tuple(part for part in above if part)
            for alias in node.names:
                yield node.lineno, room_of((*above, alias.name)) or 'mmct'
            continue
        else:
            continue
        if any(name.partition('.')[0] == 'mmct' for name in names):
            yield node.lineno, 'mmct'


def wrong_imports(file: Path, text: str) -> list[str]:
    """What a file must not import."""
    own, wrong = room_of(('mmct', *file.relative_to(PACKAGE).with_suffix('').parts)), []
    for line, room in imported(file, text):
        place = f'{file.relative_to(PACKAGE.parent)}:{line}'
        if room == 'mmct':
            wrong.append(f'{place} names mmct absolutely, or imports the package itself')
        elif own in ROOMS:
            if room not in ROOMS:
                wrong.append(f'{place} imports {room}, which is no room')
            elif ROOMS.index(room) > ROOMS.index(own):
                wrong.append(f'{place} imports from {room}, a room below its own, {own}')
    return wrong


def test_each_room_imports_from_those_before_it():
    assert [wrong for file in sorted(PACKAGE.rglob('*.py'))
            for wrong in wrong_imports(file, file.read_text())] == []


def test_every_module_is_in_a_room():
    names = {path.stem for path in PACKAGE.iterdir()
             if path.suffix == '.py' or (path / '__init__.py').is_file()}
    assert names == {*ROOMS, '__init__', '__main__'}


@pytest.mark.parametrize(('text', 'expected'), [
    ('from ...deploy import export', 'a room below its own, models'),
    ('from ... import api', 'a room below its own, models'),
    ('def f():\n    from ...engine.hooks import unwrapped', 'a room below its own, models'),
    ('import mmct.utils', 'absolutely'),
    ('from mmct.utils.files import read_text', 'absolutely'),
    ('from ...elsewhere import a', 'no room'),
    ('from ...utils.files import read_text', None),
    ('from ...checkpoint import names', None),
    ('from ..layers import Tokens', None),
    ('from .other import a', None),
    ('import torch\nfrom mmtrack.registry import MODELS', None)])
def test_what_is_wrong(text, expected):
    found = wrong_imports(PACKAGE / 'models/trackers/a.py', text)
    assert [expected in wrong for wrong in found] == [True] * bool(expected)
