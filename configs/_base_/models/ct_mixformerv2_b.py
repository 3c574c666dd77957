# MixFormerV2-B as teacher, a student of one layer a stage.
_base_ = './mixformerv2_b.py'

student = dict(
    type='MixFormerV2',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='StageDividedMixViT',
        division=4,  # even stages; or the teacher's layers in each, such as [1, 2, 3, 2]
        teacher_depth=8,
        layer_init='last_of_stage',
        embed_dims=768,
        num_heads=12,
        mlp_ratio=4.,
        template_size=128,
        search_size=288,
        drop_path_rate=0.1),
    head=_base_.head,
    test_cfg=_base_.tracking)
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
