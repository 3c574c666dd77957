# ODTrack's own: 300 epochs of 30 000 clips, total batch 32 (4 processes of 8).
train_cfg = dict(type='ResumableTrainLoop', max_epochs=300, val_interval=20)
optim_wrapper = dict(
    type='FiniteOptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=0.1, norm_type=2))
param_scheduler = dict(type='MultiStepLR', by_epoch=True, milestones=[240], gamma=0.1)
auto_scale_lr = dict(enable=False, base_batch_size=32)
