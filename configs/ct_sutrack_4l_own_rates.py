# SUTrack-B224 into four layers at SUTrack's own rates: 1e-4 for the head, 1e-5 for all else.
_base_ = './ct_sutrack_4l.py'
optim_wrapper = dict(
    optimizer=dict(lr=1e-4), paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
