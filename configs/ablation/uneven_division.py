# Uneven stages.
_base_ = '../ct_ostrack_4l_300e.py'
model = dict(student=dict(backbone=dict(division=[2, 2, 6, 2])))
