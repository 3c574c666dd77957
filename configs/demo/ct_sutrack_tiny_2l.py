# The tiny SUTrack into two layers.
_base_ = './sutrack_tiny.py'

student = dict(
    _base_.model,
    backbone=dict(
        _base_.model.backbone,
        type='StageDividedFastITPN',
        depth=None,  # the number of stages
        teacher_depth=_base_.model.backbone.depth,
        division=2,
        layer_init='last_of_stage'))
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/sutrack_tiny.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2, groups=['search', 'template']))
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ReplacementScheduleHook', mode='progressive', init=0.5, alpha1=0.1, alpha2=0.1)
]
default_hooks = dict(
    student_iou=dict(type='StudentIoUHook', interval=50),
    batch_picture=dict(type='BatchPictureHook', interval=200))
