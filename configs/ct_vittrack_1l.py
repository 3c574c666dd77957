# VitTrack into one layer.
_base_ = './ct_vittrack_2l.py'
model = dict(student=dict(backbone=dict(division=[3])))
