# Replacement training, without guidance or mimicking.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(guidance_loss=None, mimic_loss=None)
