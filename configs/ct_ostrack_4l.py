# CompressTracker-4: OSTrack-256 into four layers, the paper's recipe (8 processes of 16).
_base_ = [
    '_base_/models/ct_ostrack_256.py', '_base_/datasets/pairs_train.py',
    '_base_/datasets/got10k_val.py', '_base_/datasets/lasot_test.py',
    '_base_/schedules/ct_500e.py', '_base_/compression_runtime.py'
]
