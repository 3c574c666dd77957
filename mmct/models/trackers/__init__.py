from .ostrack import OSTrack, PairBatch

__all__ = ['OSTrack', 'PairBatch']
