# CompressTracker: OSTrack-256 as teacher, a student of one layer a stage.
_base_ = './ostrack_256.py'

student = dict(
    type='OSTrack',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='StageDividedViT',
        division=4,  # even stages; or the teacher's layers in each, such as [2, 2, 6, 2]
        teacher_depth=12,
        layer_init='last_of_stage',
        embed_dims=768,
        num_heads=12,
        template_size=128,
        search_size=256,
        drop_path_rate=0.1),
    head=_base_.head,
    test_cfg=_base_.tracking)
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='weights/ostrack_256.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))
