# Four layers on smaller crops: template 48, search 96 pixels under a teacher of 96 and 192.
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(template_size=48, search_size=96)))
crop = dict(
    type='CropPair', size=[96, 192], student_size=[48, 96], factor=[2, 4], center_jitter=[0, 3],
    scale_jitter=[0, 0.5])
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
# Validation sees the student alone.
val_crop = dict(
    type='CropPair', size=[48, 96], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, val_crop, dict(type='PackPair')]))
