# Four layers of separable attention, as CompressTracker-SMAT.
_base_ = './ct_ostrack_4l.py'
model = dict(student=dict(backbone=dict(block=dict(type='SeparableBlock'))))
# What starts anew learns as fast as a new head does in OSTrack's recipe.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'attn.qkv': dict(lr_mult=10.)}))
