# The demo's teacher, from scratch on generated videos, more of them than the demo itself needs:
# tools/make_demo_videos.py data/demo_teacher --train 1000
_base_ = [
    '../_base_/models/ostrack_tiny.py', '../_base_/datasets/demo.py',
    '../_base_/default_runtime.py'
]
train_dataloader = dict(
    batch_size=32,
    dataset=dict(datasets=[{**_base_.train_videos, 'data_root': 'data/demo_teacher/'}]))

max_epochs = 55
train_cfg = dict(type='ResumableTrainLoop', max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(
    type='FiniteOptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1., norm_type=2))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=200),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(interval=5, max_keep_ckpts=2))
