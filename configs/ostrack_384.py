# OSTrack-384: template 192, search 384 pixels, a wider view of the search region.
_base_ = './ostrack_256.py'
model = dict(
    backbone=dict(template_size=192, search_size=384), test_cfg=dict(search_factor=5.))

crop = dict(
    type='CropPair',
    size=[192, 384],
    factor=[2, 5],
    center_jitter=[0, 4.5],
    scale_jitter=[0, 0.5])
train_dataloader = dict(
    dataset=dict(
        pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
load_from = 'weights/mae_vit_base_384.pth'
