# Four layers on smaller crops: template 112, search 224 pixels under a teacher of 128 and 256.
_base_ = './ct_ostrack_4l.py'
model = dict(student=dict(backbone=dict(template_size=112, search_size=224)))
crop = dict(
    type='CropPair', size=[128, 256], student_size=[112, 224], factor=[2, 4],
    center_jitter=[0, 3], scale_jitter=[0, 0.25])
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
# Validation sees the student alone.
val_crop = dict(
    type='CropPair', size=[112, 224], factor=[2, 4], center_jitter=[0, 3],
    scale_jitter=[0, 0.25])
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, val_crop, dict(type='PackPair')]))
