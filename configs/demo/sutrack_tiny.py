# A tiny SUTrack on the demo's synthetic videos, from scratch.
_base_ = [
    '../_base_/models/sutrack_tiny.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/short.py', '../_base_/default_runtime.py'
]
crop = dict(
    type='CropPair', size=[64, 128], factor=[2, 4], center_jitter=[0, 3.5],
    scale_jitter=[0, 0.5], keep_padding=True, stretched=True)
joint = [
    dict(type='LoadPair'),
    dict(type='GrayPair', prob=0.05),
    dict(type='FlipPair', prob=0.5, shift=1)
]
sampling = dict(type='sutrack', num_templates=2, max_gap=400)
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        sampling=sampling, pipeline=[*joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    dataset=dict(sampling=sampling, pipeline=[*joint, crop, dict(type='PackPair')]))
