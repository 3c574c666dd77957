# Ours, not published, and without released weights: ODTrack-B with OSTrack-256's crops.
_base_ = './odtrack_b384.py'
model = dict(
    backbone=dict(template_size=128, search_size=256), test_cfg=dict(search_factor=4.))

crop = dict(
    type='CropPair', size=[128, 256], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.25])
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
load_from = 'weights/mae_vit_base_odtrack_256.pth'
