from .iteration_seed_hook import IterationSeedHook
from .non_finite_hook import NonFiniteHook
from .onlooking_hooks import BatchPictureHook, StudentIoUHook
from .resumable_checkpoint_hook import ResumableCheckpointHook
from .schedule_hooks import (
    EliminationScheduleHook,
    OneStageAtATimeHook,
    ReplacementScheduleHook,
    progressive_prob,
    scheduled_keep_ratio,
)
from .unwrapped import unwrapped
