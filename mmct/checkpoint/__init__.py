from .conversion import convert, extract_student
from .errors import CheckpointError
from .loading import load_weights, starting_weights, tracker_weights
from .reading import read_checkpoint, weights_in
from .resuming import newest_intact
from .writing import save_checkpoint, save_tracker

__all__ = [
    'CheckpointError', 'convert', 'extract_student', 'load_weights', 'newest_intact',
    'read_checkpoint', 'save_checkpoint', 'save_tracker', 'starting_weights', 'tracker_weights',
    'weights_in'
]
