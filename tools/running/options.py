"""--cfg-options on top of a config; those that nothing reads are errors."""
import difflib
import inspect
from collections.abc import Iterator

from mmengine.config import Config
from mmengine.runner import Runner

# What is read of a config: by MMEngine's Runner as arguments, or from its ``cfg``.
READ = ({*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg', 'launcher'}) | {
    'activation_checkpointing', 'compile', 'efficient_conv_bn_eval', 'find_unused_parameters',
    'model_wrapper_cfg', 'sync_bn', 'tta_model', 'tta_pipeline'}
# Of dicts that no class is built with, which would refuse what it does not know.
KEYS = {
    'auto_scale_lr': ('enable', 'base_batch_size'),
    'env_cfg': ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    'env_cfg.mp_cfg': ('mp_start_method', 'opencv_num_threads'),
    'optim_wrapper.paramwise_cfg': (
        'custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'flat_decay_mult',
        'dwconv_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate'),
}
CUSTOM_KEYS = 'optim_wrapper.paramwise_cfg.custom_keys'  # a dict for each part of a name
MULTIPLIERS = 'lr_mult', 'decay_mult'
MOST = 4  # keys that are named


def merge_options(config: Config, options: dict) -> None:
    """Set what --cfg-options says.

    Raises:
        ValueError: nothing would read it, or it does not fit the config.
    """
    for key in options:
        check_read(config, key)
    try:
        config.merge_from_dict(options)
    except (KeyError, TypeError, AttributeError) as error:
        reason = ' '.join(str(error).split())
        raise ValueError(f'--cfg-options does not fit the config: {reason}') from error


def check_read(config: Config, key: str) -> None:
    """Raises:
        ValueError: nothing reads what is set under a key: it is misspelt, or a variable of the
            config's file, which has used it already. The keys that work are named, if found.
    """
    name, _, rest = key.partition('.')
    for group, known in KEYS.items():
        part, _, _ = key.removeprefix(f'{group}.').partition('.')
        if key.startswith(f'{group}.') and part not in known:
            raise ValueError(f'--cfg-options {key} has no effect: {group} has no {part}, only '
                             f'{", ".join(known)}')
    if key.startswith(f'{CUSTOM_KEYS}.'):
        _, *inner = key.removeprefix(f'{CUSTOM_KEYS}.').split('.')
        if inner and (len(inner) > 1 or inner[0] not in MULTIPLIERS):
            raise ValueError(f'--cfg-options {key} has no effect: {CUSTOM_KEYS} has '
                             f'NAME.{" and NAME.".join(MULTIPLIERS)} alone, NAME without dots')
    if name in READ:
        return
    variable = name in config
    reason = f'the config has used its variable {name} already, as it was read' if variable \
        else f'nothing reads {name}'
    if name == 'launcher':
        found = ['--launcher']
    elif variable:
        found = [f'{path}.{rest}' if rest else path for path in places(config, name, config[name])]
    else:
        close = difflib.get_close_matches(name, READ & {*config}, 1, 0.8)
        found = [f'{close[0]}.{rest}' if rest else close[0]] if close else list(
            dict.fromkeys(places(config, key.rpartition('.')[2])))
    hint = ''
    if found:
        hint = f'; set {", ".join(found[:MOST])}' + (', …' if len(found) > MOST else '')
    raise ValueError(f'--cfg-options {key} has no effect: {reason}{hint}')


def check_tested(config: Config, options: dict) -> None:
    """Raises:
        ValueError: a test does not read an option.
    """
    for key in options:
        name, _, rest = key.partition('.')
        if key in ('load_from', 'resume'):
            raise ValueError(f'--cfg-options {key} has no effect: tools/test.py takes '
                             + ('weights from CHECKPOINT' if key == 'load_from' else '--resume'))
        # Not only those of the teacher, which tests and trainings may be given alike.
        if name == 'model' and rest.partition('.')[0] in config.model.get('student', {}):
            raise ValueError(f'--cfg-options {key} has no effect: of a compression the student is '
                             f'tested; set model.student.{rest}')


def places(config: Config, name: str, value: object = None) -> list[str]:
    """Keys under which a part of the config has a name and a value; without any, the name or else
    the value."""
    entries = [entry for top in sorted(READ & {*config}) for entry in walk(config[top], top)]
    named = [(path, found) for path, found in entries if path.rpartition('.')[2] == name]
    # Numbers as small as these are equal by chance.
    telling = value is not None and value not in (False, True, '', [], {})
    return ([path for path, found in named if found == value] or [path for path, _ in named]
            or [path for path, found in entries if telling and found == value])


def walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    """A part of a config and all that is in it, as keys of --cfg-options and values."""
    yield path, value
    items = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, own in items:
        yield from walk(own, f'{path}.{key}')
