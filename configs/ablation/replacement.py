# Replacement training, without guidance or mimicking.
_base_ = '../ct_ostrack_4l.py'
model = dict(guidance_loss=None, mimic_loss=None)
