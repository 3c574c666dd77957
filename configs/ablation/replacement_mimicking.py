# Replacement training and stage-wise mimicking, without guidance.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(guidance_loss=None)
