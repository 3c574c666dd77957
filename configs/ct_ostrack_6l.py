# CompressTracker-6: OSTrack-256 into six layers.
_base_ = './ct_ostrack_4l.py'
model = dict(student=dict(backbone=dict(division=6)))
