# VitTrack as teacher, a student of one layer a stage.
_base_ = './vittrack.py'

student = dict(
    _base_.model,
    backbone=dict(
        _base_.model.backbone,
        type='StageDividedViT',
        depth=None,  # the number of stages
        teacher_depth=_base_.model.backbone.depth,
        division=[2, 1],
        layer_init='last_of_stage',
        patch_embed=dict(type='ConvStem', norm_eval=True)))  # docs/vittrack.md says why
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/vittrack.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))
