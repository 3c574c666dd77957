"""The ablation that replacement training is compared with: stages trained one after another."""
from mmengine.runner import Runner
from mmtrack.registry import HOOKS

from ...utils.checks import check_number
from .schedule_hook import ScheduleHook
from .unwrapped import unwrapped


@HOOKS.register_module()
class OneStageAtATimeHook(ScheduleHook):
    """Trains stage 1 in place of the teacher's, freezes it, then stage 2, …, then all together
    (CompressTracker's "Decouple").

    The embedding is trained and frozen with the first stage; norm and head are trained always.

    Args:
        epochs_per_stage: length of each stage's turn; what is left trains all stages.
        by_epoch: False for iterations in place of epochs, as a loop over iterations needs.
    """
    counted = 'epochs_per_stage'

    def __init__(self, epochs_per_stage: int = 75, by_epoch: bool = True) -> None:
        super().__init__(by_epoch)
        check_number('epochs_per_stage', epochs_per_stage, '[1, inf)', whole=True)
        self.epochs_per_stage = epochs_per_stage

    def schedule(self, runner: Runner, now: int) -> None:
        turn = now // self.epochs_per_stage
        model = unwrapped(runner.model)
        backbone = model.student.backbone
        last = len(backbone.division)
        together = turn >= last
        model.fixed_gates = [together or stage <= turn for stage in range(last)]
        for stage in range(last):
            backbone.stage(stage).requires_grad_(together or stage == turn)
        backbone.patch_embed.requires_grad_(together or turn == 0)
        for table in (backbone.pos_embed_z, backbone.pos_embed_x):
            table.requires_grad_(together or turn == 0)
