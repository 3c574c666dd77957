# MixFormerV2-B as teacher, a student of one layer a stage.
_base_ = './mixformerv2_b.py'

student = dict(
    _base_.model,
    backbone=dict(
        _base_.model.backbone,
        type='StageDividedMixViT',
        depth=None,  # the number of stages
        teacher_depth=_base_.model.backbone.depth,
        division=4,  # even stages; or the teacher's layers in each, such as [1, 2, 3, 2]
        layer_init='last_of_stage'))
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/mixformerv2_b.pth',
    frozen=['head.score_head'],  # no loss of the compression touches it
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1., iou='ciou'),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))
