from .resumable_train_loop import ResumableTrainLoop
from .sequence_test_loop import SequenceTestLoop

__all__ = ['ResumableTrainLoop', 'SequenceTestLoop']
