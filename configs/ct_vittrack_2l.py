# VitTrack into two layers, in 51 200 pairs of synthetic videos (docs/vittrack.md).
_base_ = [
    '_base_/models/ct_vittrack.py', '_base_/datasets/demo.py',
    '_base_/schedules/short.py', '_base_/short_compression_runtime.py'
]
crop = dict(
    type='CropPair', size=[128, 256], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])
train_dataloader = dict(
    batch_size=32,
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=1))
