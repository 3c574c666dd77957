# CompressTracker-2: OSTrack-256 into two layers.
_base_ = './ct_ostrack_4l.py'
model = dict(student=dict(backbone=dict(division=2)))
