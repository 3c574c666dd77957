# A tiny MixFormerV2 on the demo's synthetic videos, from scratch: its box, not its score.
_base_ = [
    '../_base_/models/mixformerv2_tiny.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/short.py', '../_base_/default_runtime.py'
]
model = dict(frozen=['head.score_head'])
crop = dict(
    type='CropPair', size=[64, 128], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])
sampling = dict(type='mixformer', max_gap=200)
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        sampling=sampling,
        pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    dataset=dict(sampling=sampling, pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
