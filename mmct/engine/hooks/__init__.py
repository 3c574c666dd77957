from .batch_picture_hook import BatchPictureHook
from .elimination_schedule_hook import EliminationScheduleHook, scheduled_keep_ratio
from .iteration_seed_hook import IterationSeedHook
from .non_finite_hook import NonFiniteHook
from .one_stage_at_a_time_hook import OneStageAtATimeHook
from .replacement_schedule_hook import ReplacementScheduleHook, progressive_prob
from .resumable_checkpoint_hook import ResumableCheckpointHook
from .student_iou_hook import StudentIoUHook
from .unwrapped import unwrapped

__all__ = [
    'BatchPictureHook', 'EliminationScheduleHook', 'IterationSeedHook', 'NonFiniteHook',
    'OneStageAtATimeHook', 'ReplacementScheduleHook', 'ResumableCheckpointHook', 'StudentIoUHook',
    'progressive_prob', 'scheduled_keep_ratio', 'unwrapped'
]
