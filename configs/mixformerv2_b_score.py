# MixFormerV2-B's score: whether the search frame shows the target. All else stays as it is, in eval
# mode; so the boxes do, and validation can tell nothing from them.
_base_ = './mixformerv2_b.py'
model = dict(frozen=['backbone', 'head.box_head'], head=dict(loss=dict(type='ScoreLoss')))
train_dataloader = dict(dataset=dict(sampling=dict(type='trident')))
train_cfg = dict(max_epochs=40, val_interval=40)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = dict(milestones=[20])
auto_scale_lr = dict(base_batch_size=32)  # one process
default_hooks = dict(checkpoint=dict(save_best=None))
load_from = 'weights/mixformerv2_b.pth'
