# Clips of three templates and two search frames, of OSTrack's data sets, in place of pairs_train.py
# and got10k_val.py.
_base_ = ['./pairs_train.py', './got10k_val.py']
crop = dict(
    type='CropPair', size=[192, 384], factor=[2, 5], center_jitter=[0, 4.5], scale_jitter=[0, 0.5])
sampling = dict(type='odtrack', num_templates=3, num_searches=2, max_gap=400)

train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pairs_per_epoch=30000,  # clips
        sampling=sampling,
        pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pairs_per_epoch=5000,
        sampling=sampling,
        pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
