# Four layers for the stages whose untrained student tracks best, and no stage replaced: in a run of
# minutes replacement costs the student more steps than it is worth (docs/insight.md).
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(division=[1, 4, 6, 1])), replace_prob=1.)
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='constant', init=1.)
]
