# ODTrack-B as teacher, a student of one layer a stage.
_base_ = './odtrack_b384.py'

student = dict(
    type='ODTrack',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='StageDividedODTrackViT',
        division=4,  # even stages; or the teacher's layers in each, such as [2, 2, 6, 2]
        teacher_depth=12,
        layer_init='last_of_stage',
        attention='concat',
        embed_dims=768,
        num_heads=12,
        template_size=192,
        search_size=384,
        drop_path_rate=0.1),
    head=_base_.head,
    test_cfg=_base_.tracking)
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/odtrack_b384.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))
