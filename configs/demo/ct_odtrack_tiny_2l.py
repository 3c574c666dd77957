# The tiny ODTrack into two layers.
_base_ = './odtrack_tiny.py'

student = dict(
    type='ODTrack',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='StageDividedODTrackViT',
        division=2,
        teacher_depth=4,
        layer_init='last_of_stage',
        embed_dims=48,
        num_heads=3,
        template_size=64,
        search_size=128,
        drop_path_rate=0.),
    head=_base_.head,
    test_cfg=_base_.tracking)
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/odtrack_tiny.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='progressive', init=0.5, alpha1=0.1, alpha2=0.1)
]
default_hooks = dict(
    student_iou=dict(type='StudentIoUHook', interval=50),
    batch_picture=dict(type='BatchPictureHook', interval=200))
