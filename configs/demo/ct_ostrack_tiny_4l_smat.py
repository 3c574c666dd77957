# Four layers of separable attention.
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(block=dict(type='SeparableBlock'))))
