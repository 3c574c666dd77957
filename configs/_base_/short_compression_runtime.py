# For runs of minutes, which have more to show in an iteration.
_base_ = './compression_runtime.py'

default_hooks = dict(student_iou=dict(interval=50), batch_picture=dict(interval=200))
