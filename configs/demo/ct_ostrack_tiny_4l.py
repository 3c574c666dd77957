# The demo's compression: the tiny teacher's twelve layers into four.
_base_ = [
    '../_base_/models/ostrack_tiny.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/short.py', '../_base_/short_compression_runtime.py'
]

student = dict(
    _base_.model,
    backbone=dict(
        _base_.model.backbone,
        type='StageDividedViT',
        depth=None,  # the number of stages
        teacher_depth=_base_.model.backbone.depth,
        division=4,
        layer_init='last_of_stage',
        patch_embed=dict(type='ConvStem', norm_eval=True)))  # docs/vittrack.md says why
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=_base_.model,
    student=student,
    teacher_checkpoint='configs/demo/ostrack_tiny.pth',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.2))

train_dataloader = dict(batch_size=32)

max_epochs = 4
train_cfg = dict(max_epochs=max_epochs, val_interval=4)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_epochs)]
# Often enough to tell early when it will end, and to lose little where it is broken off.
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=1))
