# SUTrack-B224 into eight layers.
_base_ = './ct_sutrack_4l.py'
model = dict(student=dict(backbone=dict(division=8)))
