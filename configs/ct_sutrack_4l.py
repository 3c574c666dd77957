# SUTrack-B224 into four layers, by CompressTracker's recipe (8 processes of 16). How many layers
# the published student has is not known.
_base_ = [
    '_base_/models/ct_sutrack_b224.py', '_base_/datasets/sutrack.py',
    '_base_/datasets/lasot_test.py', '_base_/schedules/ct_500e.py',
    '_base_/compression_runtime.py'
]
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='progressive', init=0.5, alpha1=0.1, alpha2=0.1)
]
