# CompressTracker-4 in 300 epochs, as in the paper's ablations. It does not say when the learning
# rate falls: after as large a share of the training as with 500, which is OSTrack's, too.
_base_ = './ct_ostrack_4l.py'
train_cfg = dict(max_epochs=300)
param_scheduler = dict(milestones=[240])
