from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, IterBasedTrainLoop


def check_counted(loop: BaseLoop, hook: Hook, by_epoch: bool, settings: str) -> None:
    """See that what a hook counts goes on in a training's loop: one over iterations is a single
    epoch for MMEngine.

    Args:
        settings: of the hook, which count epochs or iterations.

    Raises:
        ValueError: epochs are counted in a loop over iterations.
    """
    if by_epoch and isinstance(loop, IterBasedTrainLoop):
        raise ValueError(f'{settings} of {type(hook).__name__} count epochs, the loop of the '
                         'config iterations; give them in iterations, with by_epoch=False')
