# VitTrack as teacher, a student of one layer a stage.
_base_ = './vittrack.py'

student = dict(
    type='OSTrack',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='StageDividedViT',
        division=[2, 1],
        teacher_depth=3,
        layer_init='last_of_stage',
        embed_dims=48,
        num_heads=1,
        template_size=128,
        search_size=256,
        patch_embed=dict(type='ConvStem', norm_eval=True),  # docs/vittrack.md says why
        norm_eps=1e-5,
        drop_path_rate=0.),
    head=_base_.head,
    test_cfg=_base_.tracking)
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/vittrack.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))
