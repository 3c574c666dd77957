"""What a run starts from, or goes on from."""
import os
from collections.abc import Sequence

from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner.checkpoint import load_state_dict

from ...checkpoint import read_checkpoint, starting_weights, weights_in
from .unwrapped import unwrapped


def load_checkpoint(runner: Runner, filename: str, map_location: object = 'cpu',
                    strict: bool = False, revise_keys: Sequence = ()) -> dict:
    """Do what ``Runner.load_checkpoint`` does, but read the file as data, and understand names of
    released checkpoints, without ``revise_keys``.

    MMEngine's own starts from random weights where names do not fit, and ``Runner.resume``, which
    calls it, runs what a checkpoint holds as ``meta.config``.

    Returns:
        the checkpoint's content, with the weights as loaded under ``state_dict``.
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
