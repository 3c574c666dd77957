# Four layers two thirds as wide as the teacher's.
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(embed_dims=32, num_heads=1), head=dict(in_channels=32)))
