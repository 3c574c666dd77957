# The demo's teacher, from scratch: it learns from the ground truth of synthetic videos and from
# OpenCV's VitTrack (docs/vittrack.md), whose boxes and tokens it learns to give on smaller crops,
# four layers for each of VitTrack's three. It takes over none of VitTrack's weights.
_base_ = ['./ostrack_tiny.py']
student = dict(
    _base_.model,
    backbone=dict(
        _base_.model.backbone,
        type='StageDividedViT',
        depth=None,  # the number of stages, times four
        teacher_depth=3,
        division=3,
        layers_per_stage=4,
        layer_init='scratch'))
model = dict(
    _delete_=True,
    type='ReplacementDistiller',
    data_preprocessor=_base_.data_preprocessor,
    teacher=dict(
        _base_.model,
        backbone=dict(
            _base_.model.backbone, depth=3, template_size=128, search_size=256, norm_eps=1e-5)),
    student=student,
    teacher_checkpoint='weights/vittrack.pth',
    replace_prob=1.,
    head_init='random',
    guidance_loss=dict(type='PredictionGuidanceLoss', loss_weight=1.),
    mimic_loss=dict(type='StageMimicLoss', loss_weight=0.5))

crop = dict(
    type='CropPair', size=[128, 256], student_size=[96, 192], factor=[2, 4],
    center_jitter=[0, 3], scale_jitter=[0, 0.5])
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
default_hooks = dict(
    student_iou=dict(type='StudentIoUHook', interval=50),
    batch_picture=dict(type='BatchPictureHook', interval=200))
