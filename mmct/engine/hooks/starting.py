"""What a run starts from, or goes on from."""
import os
from collections.abc import Iterator, Sequence

from mmengine.optim import OptimWrapper
from mmengine.runner import CheckpointLoader, EpochBasedTrainLoop, Runner
from mmengine.runner.checkpoint import load_state_dict
from torch import nn

from ...checkpoint import CheckpointError, read_checkpoint, starting_weights, weights_in
from .unwrapped import unwrapped

# Of a schedule's state: how far it has come, not what it is.
PROGRESS = ('last_step', '_global_step', '_last_value', 'base_values')
# Of the optimizer's groups: the weights, and what the schedule made of the learning rate.
NO_SETTING = ('params', 'lr')


def load_checkpoint(runner: Runner, filename: str, map_location: object = 'cpu',
                    strict: bool = False, revise_keys: Sequence = ()) -> dict:
    """Do what ``Runner.load_checkpoint`` does, but read the file as data, and understand names of
    released checkpoints, without ``revise_keys``.

    MMEngine's own starts from random weights where names do not fit, and ``Runner.resume``, which
    calls it, runs what a checkpoint holds as ``meta.config``.

    Returns:
        the checkpoint's content, with the weights as loaded under ``state_dict``.

    Raises:
        FileNotFoundError, CheckpointError: no such file, or it does not fit the network.
    """
    if '://' in filename:  # MMEngine fetches it
        content = CheckpointLoader.load_checkpoint(filename, map_location)
    else:
        content = read_checkpoint(os.path.expanduser(filename), map_location)
    if isinstance(content.get('meta'), dict):
        content['meta'].pop('config', None)
    model = unwrapped(runner.model)
    if not runner._resume:
        content['state_dict'], lacking = starting_weights(
            model, weights_in(content, filename), filename)
        if lacking:
            parts = sorted({'.'.join(key.split('.')[:2]) for key in lacking})
            runner.logger.warning(f'{filename} has no fitting weights for {len(lacking)} of the '
                                  f'network, in {", ".join(parts)}: they start at random')
    runner.call_hook('after_load_checkpoint', checkpoint=content)
    load_state_dict(model, content['state_dict'], strict)
    runner._has_loaded = True
    runner.logger.info(f'Load checkpoint from {filename}')
    return content


def check_resumed(source: str, checkpoint: dict, model: nn.Module,
                  optim_wrapper: OptimWrapper) -> None:
    """Raises:
        CheckpointError: what a run is resumed from is not the state of a run of this network and
            optimizer: MMEngine would fill it up with random weights, or stop in the first step.
    """
    meta = checkpoint.get('meta') or {}
    missing = [name for name in ('epoch', 'iter') if not isinstance(meta.get(name), int)]
    missing += [name for name in ('state_dict', 'optimizer', 'message_hub')
                if name not in checkpoint]
    if missing:
        raise CheckpointError(f'{source} is not the state of a run, for it lacks '
                              f'{", ".join(missing)}; start from it with load_from alone')
    own, theirs = ({key: tuple(value.shape) for key, value in state.items()}
                   for state in (model.state_dict(), checkpoint['state_dict']))
    if own != theirs:
        key = min(key for key in own.keys() | theirs.keys() if own.get(key) != theirs.get(key))
        raise CheckpointError(f'{source} is of another network: {key} has the shape '
                              f'{theirs.get(key)}, that of the config {own.get(key)}; resume '
                              'with the config it was trained with, or start anew')
    if isinstance(optim_wrapper, OptimWrapper):
        own, theirs = (set().union(*groups) for groups in (
            _groups(optim_wrapper.state_dict()), _groups(checkpoint['optimizer'])))
        # Versions of PyTorch add settings; only another type also lacks some.
        if own - theirs and theirs - own:
            raise CheckpointError(
                f'{source} is of a run with another optimizer, which has the settings '
                f'{", ".join(sorted(theirs - own))}; {type(optim_wrapper.optimizer).__name__} of '
                'the config cannot go on with its state; resume with the optimizer it was begun '
                'with, or start anew with load_from')


def warn_of_changed_settings(runner: Runner, checkpoint: dict) -> None:
    """Say which settings of a resumed run count, where those of its config have changed."""
    if not isinstance(runner.optim_wrapper, OptimWrapper):
        return  # not trained, or by several
    changes = list(_changed_settings(runner, checkpoint))
    if changes:
        runner.logger.warning(
            'the settings of the optimizer and the schedules of the checkpoint apply, not those of '
            f'the config: {"; ".join(changes)}; to train with other ones, start anew with '
            'load_from')
    name = 'max_epochs' if isinstance(runner.train_loop, EpochBasedTrainLoop) else 'max_iters'
    now = getattr(runner, name)
    before = checkpoint['message_hub'].get('runtime_info', {}).get(name, now)
    if before != now:
        runner.logger.warning(
            f'the run was begun with train_cfg.{name}={before} and goes on to {now}: schedules of '
            'the learning rate stay those of the checkpoint, what hooks schedule (replace_prob, '
            'for one) is for the new length')


def _changed_settings(runner: Runner, checkpoint: dict) -> Iterator[str]:
    """What differs between the optimizer and schedules of the config, and of a checkpoint."""
    groups = zip(_groups(runner.optim_wrapper.state_dict()), _groups(checkpoint['optimizer']))
    pairs = [('optimizer', own, theirs, NO_SETTING) for own, theirs in groups]
    schedules, saved = runner.param_schedulers, checkpoint.get('param_schedulers')
    if isinstance(schedules, list) and isinstance(saved, list):
        if len(schedules) != len(saved):
            yield (f'{len(saved)} schedules (config: {len(schedules)}, and what is more of them '
                   'begins anew)')
        pairs += [(type(schedule).__name__, schedule.state_dict(), theirs, PROGRESS)
                  for schedule, theirs in zip(schedules, saved)]
    seen = set()  # groups of the optimizer have most of it in common
    for title, own, theirs, left_out in pairs:
        for key in sorted((own.keys() & theirs.keys()) - set(left_out)):
            if own[key] != theirs[key]:
                name = key.removeprefix('initial_')
                text = f'{title} {name}={theirs[key]} (config: {own[key]})'
                if text not in seen:
                    yield text
                seen.add(text)


def _groups(state: dict) -> list[dict]:
    return state.get('param_groups') or []
