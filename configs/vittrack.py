# VitTrack by OSTrack's recipe, from scratch; docs/vittrack.md has its released weights.
_base_ = [
    '_base_/models/vittrack.py', '_base_/datasets/pairs_train.py',
    '_base_/datasets/got10k_val.py', '_base_/datasets/lasot_test.py',
    '_base_/schedules/ostrack_300e.py', '_base_/default_runtime.py'
]
train_dataloader = dict(batch_size=32)
