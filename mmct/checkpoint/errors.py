class CheckpointError(ValueError):
    """A checkpoint that is unreadable, unsafe, or of another network."""
