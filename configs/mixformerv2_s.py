# MixFormerV2-S: four layers of narrow MLPs, template 112 and search 224 pixels.
_base_ = './mixformerv2_b.py'
model = dict(
    backbone=dict(depth=4, mlp_ratio=1., template_size=112, search_size=224),
    test_cfg=dict(search_factor=4.4))  # LaSOT's; docs/mixformerv2.md has those of other data sets

crop = dict(
    type='CropPair',
    size=[112, 224],
    factor=[2, 4.5],
    center_jitter=[0, 4.5],
    scale_jitter=[0, 0.5])
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
