# Clips of two templates and a search frame as SUTrack draws them, of four of its data sets, in
# place of pairs_train.py and got10k_val.py.
_base_ = ['./pairs_train.py', './got10k_val.py']
crop = dict(
    type='CropPair', size=[112, 224], factor=[2, 4], center_jitter=[0, 3.5],
    scale_jitter=[0, 0.5], keep_padding=True, stretched=True)
joint = [
    dict(type='LoadPair'),
    dict(type='GrayPair', prob=0.05),
    dict(type='FlipPair', prob=0.5, shift=1)
]
sampling = dict(type='sutrack', num_templates=2, max_gap=400)

train_dataloader = dict(
    dataset=dict(
        sampling=sampling, pipeline=[*joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    dataset=dict(sampling=sampling, pipeline=[*joint, crop, dict(type='PackPair')]))
