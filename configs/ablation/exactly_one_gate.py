# The published code's gates for p below one half: exactly one student stage.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(low_prob='exactly_one')
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='constant', init=0.3)
]
