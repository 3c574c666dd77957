from .errors import CheckpointError
from .loading import load_weights, tracker_weights
from .reading import read_checkpoint, weights_in

__all__ = ['CheckpointError', 'load_weights', 'read_checkpoint', 'tracker_weights', 'weights_in']
