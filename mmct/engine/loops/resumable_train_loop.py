"""Epochs that can be gone on with in their middle."""
import logging

from mmengine.dist import all_gather_object
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop
from mmtrack.registry import LOOPS
from torch import nn


@LOOPS.register_module()
class ResumableTrainLoop(EpochBasedTrainLoop):
    """MMEngine's loop over epochs, which goes on in the middle of an interrupted one;
    for data loaders whose sampler has a ``start``, such as ``EpochIndexSampler``."""

    def run(self) -> nn.Module:
        """Train, from the place that was resumed on; ValueError if that is inside an epoch and
        batches have another size now, or if processes go on from different places."""
        places = all_gather_object((self._epoch, self._iter))
        if len(set(places)) > 1:
            raise ValueError(f'the processes go on from different checkpoints, (epoch, iteration) '
                             f'{places}; all machines need the same work folder')
        info, length = self.runner.message_hub.runtime_info, len(self.dataloader)
        before = info.get('iters_per_epoch', length)
        if before != length:
            inside = self._iter - self._epoch * before
            if inside:
                raise ValueError(
                    f'the checkpoint was saved after {inside} of the {before} batches of an epoch, '
                    f'an epoch has {length} now; resume with as many processes and pairs a batch '
                    'as before, or from the checkpoint of a whole epoch (load_from)')
            print_log(f'epochs have {length} iterations, {before} before: whatever is scheduled by '
                      'iterations goes on at another place', 'current', logging.WARNING)
            self._iter = self._epoch * length
        self.runner.message_hub.update_info('iters_per_epoch', length)
        # A resumed run goes on with the seed of its checkpoint; the sampler was built before.
        self.dataloader.sampler.seed = self.runner.seed
        return super().run()

    def run_epoch(self) -> None:
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        if done:
            sampler = self.dataloader.sampler
            if not hasattr(sampler, 'start'):
                raise ValueError(
                    f'{type(sampler).__name__} cannot go on inside an epoch; set '
                    "train_dataloader.sampler=dict(type='EpochIndexSampler'), or resume from the "
                    'checkpoint of a whole epoch (load_from)')
            sampler.start = done * self.dataloader.batch_size
        for i, batch in enumerate(self.dataloader, done):
            self.run_iter(i, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
