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

    The embedding, which is all of the backbone before its layers, is trained and frozen with the
    first stage; norm and head are trained always. What the config freezes stays frozen.

    Args:
        epochs_per_stage: length of each stage's turn; what is left trains all stages.
        by_epoch: False for iterations in place of epochs, as a loop over iterations needs.
    """
    counted = 'epochs_per_stage'

    def __init__(self, epochs_per_stage: int = 75, by_epoch: bool = True) -> None:
        super().__init__(by_epoch)
        check_number('epochs_per_stage', epochs_per_stage, '[1, inf)', whole=True)
        self.epochs_per_stage = epochs_per_stage

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        backbone = unwrapped(runner.model).student.backbone
        self._stages = [[p for p in backbone.stage(i).parameters() if p.requires_grad]
                        for i in range(len(backbone.division))]
        self._stages[0] += [p for name, p in backbone.named_parameters() if p.requires_grad
                            and not name.startswith(('layers.', 'norm.'))]

    def schedule(self, runner: Runner, now: int) -> None:
        turn = now // self.epochs_per_stage
        together = turn >= len(self._stages)
        unwrapped(runner.model).fixed_gates = [
            together or stage <= turn for stage in range(len(self._stages))]
        for stage, parameters in enumerate(self._stages):
            for parameter in parameters:
                parameter.requires_grad_(together or stage == turn)
