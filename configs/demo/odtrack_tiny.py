# A tiny ODTrack on the demo's synthetic videos, from scratch.
_base_ = [
    '../_base_/models/odtrack_tiny.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/short.py', '../_base_/default_runtime.py'
]
crop = dict(
    type='CropPair', size=[64, 128], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])
sampling = dict(type='odtrack', num_templates=3, num_searches=2, max_gap=400)
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        pairs_per_epoch=3200,  # clips
        sampling=sampling,
        pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    dataset=dict(sampling=sampling, pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
