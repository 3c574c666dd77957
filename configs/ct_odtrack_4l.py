# CompressTracker-ODTrack: ODTrack-B into four layers, by CompressTracker's recipe on clips (8
# processes of 8, which makes 128 search crops). The teacher keeps all tokens; for one that does
# not, give teacher.backbone the elimination of odtrack_b384.py.
_base_ = [
    '_base_/models/ct_odtrack_b384.py', '_base_/datasets/odtrack.py',
    '_base_/datasets/lasot_test.py', '_base_/schedules/ct_500e.py',
    '_base_/compression_runtime.py'
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='progressive', init=0.5, alpha1=0.1, alpha2=0.1)
]
