# CompressTracker-M-S: MixFormerV2-B into four layers with MLPs as narrow as MixFormerV2-S's.
_base_ = './ct_mixformerv2_4l.py'
model = dict(student=dict(backbone=dict(mlp_ratio=1.)))
# What starts anew learns as fast as a new head does in OSTrack's recipe.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'.mlp.': dict(lr_mult=10.)}))
