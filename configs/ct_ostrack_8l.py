# CompressTracker-8: OSTrack-256 into eight layers. Twelve layers have no eight even stages, and
# the paper does not say how it divides them: this division is our choice.
_base_ = './ct_ostrack_4l.py'
model = dict(student=dict(backbone=dict(division=[2, 2, 2, 2, 1, 1, 1, 1])))
