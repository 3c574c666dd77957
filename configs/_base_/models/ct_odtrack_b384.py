# ODTrack-B as teacher, a student of one layer a stage.
_base_ = './odtrack_b384.py'

student = dict(
    _base_.model,
    backbone=dict(
        _base_.model.backbone,
        type='StageDividedODTrackViT',
        depth=None,  # the number of stages
        teacher_depth=_base_.model.backbone.depth,
        division=4,  # even stages; or the teacher's layers in each, such as [2, 2, 6, 2]
        layer_init='last_of_stage'))
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/odtrack_b384.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))
