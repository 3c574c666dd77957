# MixFormerV2's own: 500 epochs of 60 000 clips, total batch 256 (8 processes of 32).
train_cfg = dict(type='ResumableTrainLoop', max_epochs=500, val_interval=5)
optim_wrapper = dict(
    type='FiniteOptimWrapper',
    optimizer=dict(type='AdamW', lr=4e-4, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=0.1, norm_type=2))
param_scheduler = dict(type='MultiStepLR', by_epoch=True, milestones=[400], gamma=0.1)
auto_scale_lr = dict(enable=False, base_batch_size=256)
