# SUTrack-B224 into six layers.
_base_ = './ct_sutrack_4l.py'
model = dict(student=dict(backbone=dict(division=6)))
