# Four layers on smaller crops: template 64, search 128 pixels under a teacher of 96 and 192.
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(template_size=64, search_size=128)))
crop = dict(
    type='CropPair', size=[96, 192], student_size=[64, 128], factor=[2, 4], center_jitter=[0, 3],
    scale_jitter=[0, 0.5])
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
# Validation sees the student alone.
val_crop = dict(
    type='CropPair', size=[64, 128], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, val_crop, dict(type='PackPair')]))
