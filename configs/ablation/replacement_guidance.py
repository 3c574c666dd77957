# Replacement training and prediction guidance, without mimicking.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(mimic_loss=None)
