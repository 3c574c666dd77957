# SUTrack-B224 by its own recipe, on four of its data sets. The released tracker learned from
# Fast-iTPN; to train that one further, set load_from.
_base_ = [
    '_base_/models/sutrack_b224.py', '_base_/datasets/sutrack.py', '_base_/datasets/lasot_test.py',
    '_base_/schedules/sutrack_180e.py', '_base_/default_runtime.py'
]
train_dataloader = dict(batch_size=32, dataset=dict(pairs_per_epoch=100000))
