# CompressTracker-3: OSTrack-256 into three layers.
_base_ = './ct_ostrack_4l.py'
model = dict(student=dict(backbone=dict(division=3)))
