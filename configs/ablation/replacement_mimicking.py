# Replacement training and stage-wise mimicking, without guidance.
_base_ = '../ct_ostrack_4l.py'
model = dict(guidance_loss=None)
