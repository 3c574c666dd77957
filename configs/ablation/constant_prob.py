# p = 0.5 throughout, then 30 epochs of the student alone.
_base_ = '../ct_ostrack_4l_300e.py'
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='constant', init=0.5, final_epochs=30)
]
