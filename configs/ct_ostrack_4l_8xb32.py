# CompressTracker-4 as the published command trains it: 32 pairs a process on 8 processes, with
# the learning rate of a total batch of 128.
_base_ = './ct_ostrack_4l.py'
train_dataloader = dict(batch_size=32)
