from .conversion import convert, extract_student
from .files import CheckpointError, read_checkpoint, save_checkpoint, save_tracker, weights_in
from .loading import load_weights, starting_weights, tracker_weights
from .resuming import newest_intact
