# Four layers with MLPs as narrow as the tokens.
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(mlp_ratio=1.)))
