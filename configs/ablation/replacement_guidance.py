# Replacement training and prediction guidance, without mimicking.
_base_ = '../ct_ostrack_4l.py'
model = dict(mimic_loss=None)
