# SUTrack-B384: templates of 192 and search crops of 384 pixels.
_base_ = './sutrack_b224.py'
model = dict(backbone=dict(template_size=192, search_size=384))

crop = dict(
    type='CropPair', size=[192, 384], factor=[2, 4], center_jitter=[0, 3.5],
    scale_jitter=[0, 0.5], keep_padding=True, stretched=True)
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
