# What a compression shows of itself while training, beside its losses.
_base_ = './default_runtime.py'

default_hooks = dict(
    student_iou=dict(type='StudentIoUHook', interval=500),
    batch_picture=dict(type='BatchPictureHook', interval=5000))
