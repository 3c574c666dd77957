# The demo's compression: the tiny teacher's twelve layers into four.
_base_ = ['./ostrack_tiny.py']

student = dict(
    type='OSTrack',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='StageDividedViT',
        division=4,
        teacher_depth=12,
        layer_init='last_of_stage',
        embed_dims=48,
        num_heads=1,
        template_size=96,
        search_size=192,
        patch_embed=dict(type='ConvStem', norm_eval=True)),  # docs/vittrack.md says why
    head=_base_.head,
    test_cfg=_base_.tracking)
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='configs/demo/ostrack_tiny.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))

train_dataloader = dict(batch_size=32, dataset=dict(datasets=[_base_.train_videos]))

max_epochs = 4
train_cfg = dict(max_epochs=max_epochs, val_interval=4)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=100),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True)
]
find_unused_parameters = True
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='progressive', init=0.5, alpha1=0.1, alpha2=0.1)
]
# Often enough to tell early when it will end, and to lose little where it is broken off.
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=1),
    student_iou=dict(type='StudentIoUHook', interval=50),
    batch_picture=dict(type='BatchPictureHook', interval=200))
