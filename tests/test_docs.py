"""README and docs: every command parses, every name in them is there, every snippet fits."""
import ast
import contextlib
import hashlib
import importlib.util
import inspect
import io
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import mmtrack.registry
import pytest
import torch
from cli import runner_parser, use_test_set
from commands import ROOT, run_tool
from data_preparation.layouts import layout_of
from mmengine.config import Config
from mmengine.registry import FUNCTIONS, Registry
from mmengine.runner import Runner
from torch.distributed.run import parse_args as parse_torchrun

from mmct.models.trackers.base import TEST_CFG

AT_ROOT = [ROOT / name for name in ('README.md', 'CHANGELOG.md', 'CONTRIBUTING.md')]
PAGES = [*AT_ROOT, *sorted((ROOT / 'docs').glob('*.md'))]
REGISTRIES = [FUNCTIONS, *(value for value in vars(mmtrack.registry).values()
                           if isinstance(value, Registry))]
# Where a command has no config of its own.
DEFAULT_CONFIG = {'demo.py': 'configs/demo/ct_ostrack_tiny_4l_guided.py'}


class Block(NamedTuple):
    """A fenced block; ``files`` are the blocks of its page that begin with ``# NAME.py``."""
    language: str
    source: str
    files: dict[str, str]


def blocks(text: str) -> dict[int, Block]:
    """The fenced blocks of a page, by line."""
    found, start = {}, None
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if not line.lstrip().startswith('```'):
            continue
        if start is None:
            start = i
        else:
            found[start + 1] = lines[start].strip('` '), '\n'.join(lines[start + 1:i]) + '\n'
            start = None
    assert start is None, f'the block of line {start + 1} does not end'
    files = {source.split('\n')[0][2:]: source for _, source in found.values()
             if re.match(r'# \w+\.py\n', source)}
    return {line: Block(*block, files) for line, block in found.items()}


# Commands

def commands(source: str) -> list[list[str]]:
    """The words of each command of a shell script."""
    source = re.sub(r'(^|\s)#.*', r'\1', source).replace('\\\n', ' ')
    lexer = shlex.shlex(source, posix=True, punctuation_chars=';&|\n')
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = ' \t', True, ''
    found = [[]]
    for word in lexer:
        if set(word) <= set(';&|\n'):
            found.append([])
        else:
            found[-1].append(word)
    return [words for words in found if words]


def check_command(words: list[str], files: dict[str, str]) -> None:
    """Of the tools and targets of this repository; what else there is passes."""
    inner = [word for word in words if ' ' in word and 'tools/' in word]
    if inner:
        check_command(inner[0].split(), files)
    elif words[0].startswith('--'):  # options alone, of any training
        check_tool('train.py', ['configs/ct_ostrack_4l.py', *words], files)
    elif words[0] == 'make':
        targets = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.M)
        for word in words[1:]:
            assert '=' in word or word in targets, f'make {word}: no such target'
    elif words[0].endswith('torchrun'):
        args = quietly(parse_torchrun, words[1:])
        check_tool(Path(args.training_script).name, args.training_script_args, files)
    else:
        for extras in re.findall(r'[.)]\[([\w,]+)\]', ' '.join(words)):
            for extra in extras.split(','):
                assert f"'{extra}': " in (ROOT / 'setup.py').read_text(), f'{extra}: no extra'
        tools = [i for i, word in enumerate(words) if re.fullmatch(r'tools/\w+\.py', word)]
        if tools:
            check_tool(Path(words[tools[0]]).name, words[tools[0] + 1:], files)


def quietly(parse, *args):
    """What a parser gives.

    Raises:
        AssertionError: with what it says.
    """
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            return parse(*args)
        except SystemExit:
            raise AssertionError(said.getvalue().strip().split('\n')[-1]) from None


@cache
def tool(name: str):
    path = ROOT / 'tools' / name
    assert path.is_file(), f'tools/{name}: no such tool'
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_tool(name: str, arguments: list[str], files: dict[str, str]) -> None:
    module = tool(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [name, *arguments])
        args = quietly(module.parse_args)
    if name in ('check_dataset.py', 'convert_dataset.py'):
        layout_of(args.name)
    for value in vars(args).values():
        value = str(value)
        if value.endswith('.py') and not value[:-3].isupper() and value not in files:
            assert (ROOT / value).is_file(), f'{value}: no such config'
    options = getattr(args, 'cfg_options', None)
    if isinstance(options, list):  # for those that the tool starts
        options = quietly(runner_parser('').parse_args, ['CONFIG', '--cfg-options', *options]
                          ).cfg_options if options else {}
    path = str(getattr(args, 'config', DEFAULT_CONFIG.get(name)))
    if (ROOT / path).is_file():
        cfg = copied(path)
        if getattr(args, 'dataset', None):
            use_test_set(cfg, args.dataset)
        before = cfg.to_dict()
        cfg.merge_from_dict(options or {})
        check_keys(before, cfg.to_dict())


# Configs

@cache
def read(path: str) -> Config:
    return Config.fromfile(ROOT / path)


def copied(path: str) -> Config:
    return Config(read(path).to_dict())


@cache
def parameters(kind: str) -> frozenset[str]:
    """What the registered class takes."""
    found = [cls for registry in REGISTRIES if (cls := registry.get(kind))]
    assert found, f"type='{kind}': no such class is registered"
    names = set()
    inits = [vars(base)['__init__'] for base in inspect.getmro(found[0])[:-1]
             if '__init__' in vars(base)] if inspect.isclass(found[0]) else found[:1]
    for init in inits:
        taken = inspect.signature(init).parameters.values()
        names |= {p.name for p in taken if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if all(p.kind != p.VAR_KEYWORD for p in taken):
            break
    return frozenset(names)


def check_keys(before, after, place: str = '') -> None:
    """What is new in a config has to be a parameter of the class whose settings it is in."""
    if isinstance(after, (list, tuple)):
        for i, value in enumerate(after):
            old = before[i] if isinstance(before, (list, tuple)) and i < len(before) else None
            check_keys(old, value, f'{place}{i}.')
    if not isinstance(after, dict):
        return
    if place and not before and 'type' not in after:
        return  # settings without a class, which no base has: nothing tells what may be in them
    before = before if isinstance(before, dict) else {}
    for key, value in after.items():
        if key not in before and key not in ('type', '_delete_'):
            known = inspect.signature(Runner).parameters if not place else \
                TEST_CFG if place.endswith('.test_cfg.') else \
                parameters(after['type']) if 'type' in after else ()
            assert key in known, f'{place}{key}: no such setting'
        if key == 'type' and value != before.get(key):
            parameters(value)
        check_keys(before.get(key), value, f'{place}{key}.')


def check_python(block: Block, folder: Path) -> None:
    """It compiles, what it imports is there, what it names by type takes what is given to it; and
    a whole config can be read."""
    tree = ast.parse(block.source)
    bases = [ast.unparse(node) for node in tree.body
             if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_']
    if bases:
        return check_config(block, bases[0], folder)
    exec(compile(ast.Module([node for node in ast.walk(tree) if isinstance(
        node, (ast.Import, ast.ImportFrom))], []), 'imports', 'exec'), {})
    for call in ast.walk(tree):
        given = {word.arg: word.value for word in getattr(call, 'keywords', ())}
        if getattr(getattr(call, 'func', None), 'id', '') == 'dict' and 'type' in given:
            check_keys({}, dict.fromkeys(given) | {'type': given['type'].value}, 'dict.')
    return None


def check_config(block: Block, base: str, folder: Path) -> None:
    for path in [ROOT / 'configs', *(ROOT / 'configs').iterdir()]:
        (folder / path.name).symlink_to(path)
    for name, source in block.files.items():
        (folder / name).write_text(source)
    (folder / 'block.py').write_text(block.source)
    (folder / 'base.py').write_text(base)
    registered = [set(registry.module_dict) for registry in REGISTRIES]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        try:
            after = Config.fromfile(folder / 'block.py')
            check_keys(Config.fromfile(folder / 'base.py').to_dict(), after.to_dict())
        finally:
            for registry, names in zip(REGISTRIES, registered):
                for name in registry.module_dict.keys() - names:
                    del registry.module_dict[name]
            for name in block.files:
                sys.modules.pop(Path(name).stem, None)


def check(block: Block, folder: Path) -> None:
    assert block.language in ('python', 'sh', 'text'), \
        f'{block.language!r} is no language of a block: python, sh or text'
    if block.language == 'sh':
        for words in commands(block.source):
            check_command(words, block.files)
    if block.language == 'python':
        check_python(block, folder)


BLOCKS = {f'{page.name}:{line}': block for page in PAGES
          for line, block in blocks(page.read_text()).items()}


@pytest.mark.parametrize('block', BLOCKS.values(), ids=BLOCKS)
def test_block(block, tmp_path):
    check(block, tmp_path)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_files_that_are_named(page):
    """Links of pages at the root (MkDocs looks after the others) and paths in the text."""
    text = page.read_text()
    links = re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', text) if page in AT_ROOT else []
    paths = re.findall(r'(?<![\w/])((?:configs|docs|mmct|tests|tools)/[\w/]+\.\w+)', text)
    missing = [path for path in {*links, *paths}
               if not (ROOT / path).exists() and not re.search(r'(^|/)[A-Z]+', path)]
    assert not missing


def anchors(page: Path) -> set[str]:
    """Of the headings of a page, as MkDocs and code hosts make them."""
    return {re.sub(r'[^\w\- ]', '', title).strip().lower().replace(' ', '-')
            for title in re.findall(r'^#+ (.+)$', page.read_text(), re.M)}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_places_in_pages_that_are_linked(page):
    links = re.findall(r'\]\(([\w/]+\.md)?#([^)]+)\)', page.read_text())
    assert not [(file, place) for file, place in links
                if place not in anchors(page.parent / file if file else page)]


def test_tests_that_are_named():
    """Those that show what happens with a fault."""
    there = {}
    for file in (ROOT / 'tests').rglob('test_*.py'):
        there.setdefault(file.name, set()).update(
            re.findall(r'^def (test_\w+)', file.read_text(), re.M))
    named = re.findall(r'`(?:(?:\w+/)*(test_\w+\.py))?(?:::)?(test_\w+)?`',
                       (ROOT / 'docs/faults.md').read_text())
    named = [(file, test) for file, test in named if file or test]
    assert len(named) > 50
    every = set().union(*there.values())
    assert not [(file, test) for file, test in named
                if file and file not in there
                or test and test not in (there[file] if file else every)]


def test_the_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 150


# The tables of settings

# Of every class of its kind, or given to it by others.
NO_SETTINGS = {'self', 'data_preprocessor', 'dataloader', 'drop_path', 'embed_dims', 'evaluator',
               'fp16', 'init_cfg', 'mlp_ratio', 'num_heads', 'runner', 'seed', 'train_cfg'}


@cache
def registered(name: str):
    """What is registered by that name, or None, which a registry takes milliseconds to find out."""
    return next((found for registry in REGISTRIES if (found := registry.get(name))), None)


def settings_of_configuration() -> dict[str, list[str]]:
    """{class: what it takes, as docs/configuration.md says}, each 'name' or 'name=default'."""
    text = (ROOT / 'docs/configuration.md').read_text()
    rows = re.findall(r'^\| `(\w+)` \|.*\|([^|]*)\|$', text, re.M)
    return {name: re.findall(r'`(\w+(?:=[^`]+)?)`', cell) for name, cell in rows
            if registered(name)}


@pytest.mark.parametrize(('name', 'settings'), [
    (name, settings) for name, settings in settings_of_configuration().items() if settings])
def test_settings_and_their_defaults(name, settings):
    cls = registered(name)
    known = {parameter.name: parameter for base in reversed(inspect.getmro(cls))
             if '__init__' in vars(base)
             for parameter in inspect.signature(base.__init__).parameters.values()}
    for setting in settings:
        key, given, default = setting.partition('=')
        other = registered(key)
        if inspect.isclass(other):  # 'those of another'; a registry also finds modules
            assert issubclass(cls, other), f'{name}: no {key}'
        elif key != 'depth':  # named as what it has not
            assert key in known, f'{name}: no setting {key}'
            assert not given or ast.literal_eval(default) == known[key].default, setting
    listed = {setting.partition('=')[0] for setting in settings}
    if not any(map(registered, listed)):
        own = inspect.signature(vars(cls).get('__init__', lambda: None)).parameters.values()
        missing = {p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD} - listed - NO_SETTINGS
        assert not missing, f'{name}: its settings {sorted(missing)} are not on the page'


def test_every_registered_class_is_in_the_configuration():
    listed = settings_of_configuration()
    own = {name for registry in REGISTRIES for name, cls in registry.module_dict.items()
           if cls.__module__.startswith('mmct.')}
    assert own <= listed.keys()


def test_a_config_without_bases(tmp_path):
    """Everything that the whole config of docs/own_config.md names can be built."""
    page = blocks((ROOT / 'docs/own_config.md').read_text())
    source = next(block.source for block in page.values() if 'custom_imports' in block.source)
    (tmp_path / 'my_project.py').write_text(source)
    cfg = Config.fromfile(tmp_path / 'my_project.py')
    with torch.device('meta'):  # no memory for weights
        model = mmtrack.registry.MODELS.build(cfg.model)
    assert len(model.student.backbone.layers) == len(model.student.backbone.division) == 4
    for hook in cfg.custom_hooks:
        mmtrack.registry.HOOKS.build(hook)
    for transform in cfg.train_dataloader.dataset.pipeline:
        mmtrack.registry.TRANSFORMS.build(transform)


# Models

@pytest.mark.parametrize('page', ['README.md', 'docs/models.md'])
def test_configs_of_models(page):
    """Names of configs in the tables, such as `ct_ostrack_{2,3}l`."""
    names = re.findall(r'`((?:demo/)?(?:ct_)?(?:ostrack|mixformerv2|odtrack|sutrack|vittrack)'
                       r'_?[\w{},]*)`', (ROOT / page).read_text())
    assert len(names) > 8
    for name in names:
        before, choice, after = re.fullmatch(r'([^{]*)(?:{(.*)})?(.*)', name).groups()
        for own in (choice or '').split(','):
            assert (ROOT / 'configs' / f'{before}{own}{after}.py').is_file(), name


@pytest.mark.parametrize('name', ['demo/ostrack_tiny', 'ct_vittrack_fast'])
def test_hash_of_the_bundled_weights(name):
    weights = (ROOT / f'configs/{name}.pth').read_bytes()
    assert hashlib.sha256(weights).hexdigest() in (ROOT / 'docs/models.md').read_text()


# The quick start

def test_quick_start(tmp_path, monkeypatch):
    """The README's clip is made, its first box is the one in the README, and it is followed."""
    pytest.importorskip('skimage', reason='the extra demo is not installed')
    for folder in ('configs', 'tools'):
        (tmp_path / folder).symlink_to(ROOT / folder)
    own = blocks((ROOT / 'README.md').read_text()).values()
    shell = next(block.source for block in own if 'data/clip' in block.source)
    program = next(block.source for block in own if 'tracker.update' in block.source)
    monkeypatch.chdir(tmp_path)
    for words in commands(shell):
        assert run_tool(Path(words[1]).name, *words[2:]).status == 0
    assert (tmp_path / 'data/clip.mp4').stat().st_size > 10_000
    truth = next((tmp_path / 'data/clip').rglob('groundtruth.txt')).read_text().splitlines()
    assert f'--box {truth[0]} ' in shell
    assert f'({", ".join(truth[0].split(","))})' in program
    found = {}
    exec(compile(program, 'README.md', 'exec'), found)
    assert box_iou(found['box'], list(map(float, truth[-1].split(',')))) > 0.5


def box_iou(one: list[float], other: list[float]) -> float:
    """Overlap of two boxes x, y, w, h."""
    inner = 1.
    for i in (0, 1):
        inner *= max(0., min(one[i] + one[i + 2], other[i] + other[i + 2]) - max(one[i], other[i]))
    return inner / (one[2] * one[3] + other[2] * other[3] - inner)


TRAIN = 'tools/train.py configs/ct_ostrack_4l.py'


@pytest.mark.parametrize(('language', 'source', 'says'), [
    ('', 'anything', 'no language'),
    ('sh', f'{TRAIN} --resumed', '--resumed'),
    ('sh', f'{TRAIN} --amp fp8', 'fp8'),
    ('sh', 'tools/trane.py configs/ct_ostrack_4l.py', 'trane.py: no such tool'),
    ('sh', 'cd x && tools/train.py configs/ct_ostrack_5l.py', 'ct_ostrack_5l.py: no such config'),
    ('sh', f'{TRAIN} \\\n --cfg-options train_dataloader.batchsize=8', 'batchsize: no such'),
    ('sh', f'{TRAIN} --cfg-options model.freeze_embeding=True', 'freeze_embeding: no such'),
    ('sh', f'{TRAIN} --cfg-options env_cfg.dist_cfg.backends=gloo', 'backends: no such'),
    ('sh', '--cfg-options default_hooks.checkpoint.every=1', 'every: no such'),
    ('sh', f'torchrun --nproc-per-gpu 8 {TRAIN}', '--nproc-per-gpu'),
    ('sh', f'torchrun --nproc-per-node 8 {TRAIN} --launch pytorch --x', '--x'),
    ('sh', f"sbatch --wrap 'srun {TRAIN}\n --resumed'", '--resumed'),
    ('sh', 'tools/test.py configs/ct_ostrack_4l.py W.pth --dataset lasott', 'lasott'),
    ('sh', 'tools/check_dataset.py lasott data/lasot', 'lasott'),
    ('sh', 'tools/demo.py --cfg-options max_epoch=3', 'max_epoch: no such'),
    ('sh', 'make tset', 'make tset'),
    ('sh', "pip install -e '.[lite,dem]'", 'dem: no extra'),
    ('sh', 'pip install "$(echo x.whl)[runtme]"', 'runtme: no extra'),
    ('python', 'x =', 'invalid syntax'),
    ('python', 'from mmct.runtime import Trackr', 'Trackr'),
    ('python', "load = dict(type='LoadPairs')", 'LoadPairs'),
    ('python', "load = [dict(type='LoadPair', reduce=[1])]", 'reduce: no such'),
    ('python', "_base_ = './ct_ostrack_5l.py'", 'ct_ostrack_5l'),
    ('python', "_base_ = './ct_ostrack_4l.py'\nmodle = dict(seed=1)", 'modle: no such'),
    ('python', "_base_ = './ct_ostrack_4l.py'\nmodel = dict(student=dict(test_cfg=dict("
     'exact=True)))', 'model.student.test_cfg.exact: no such setting'),
    ('python', "_base_ = './ct_ostrack_4l.py'\nmodel = dict(student=dict(backbone=dict("
     'divison=4)))', 'model.student.backbone.divison: no such'),
])
def test_mistakes_are_found(language, source, says, tmp_path):
    with pytest.raises((AssertionError, ImportError, OSError, SyntaxError, ValueError)) as error:
        check(Block(language, source + '\n', {}), tmp_path)
    assert says in str(error.value)
