# The published schedule of replacement, and what a compression shows of itself while training,
# beside its losses.
_base_ = './default_runtime.py'

custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='progressive', init=0.5, alpha1=0.1, alpha2=0.1)
]
default_hooks = dict(
    student_iou=dict(type='StudentIoUHook', interval=500),
    batch_picture=dict(type='BatchPictureHook', interval=5000))
