# SUTrack-B224 as teacher, a student of one attention layer a stage.
_base_ = './sutrack_b224.py'

student = dict(
    type='SUTrack',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='StageDividedFastITPN',
        division=4,  # even stages; or the teacher's layers in each, such as [4, 6, 8, 6]
        teacher_depth=24,
        layer_init='last_of_stage',
        embed_dims=512,
        num_heads=8,
        coarse_depths=[3, 3],
        template_size=112,
        search_size=224,
        drop_path_rate=0.1),
    head=_base_.head,  # without the task: dict(_base_.head, with_task=False)
    test_cfg=_base_.tracking)
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/sutrack_b224.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2, groups=['search', 'template']))
