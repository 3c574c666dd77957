# Clips of two templates and a search frame, of OSTrack's data sets, in place of pairs_train.py and
# got10k_val.py.
_base_ = ['./pairs_train.py', './got10k_val.py']
crop = dict(
    type='CropPair', size=[128, 288], factor=[2, 5], center_jitter=[0, 4.5], scale_jitter=[0, 0.5])
sampling = dict(type='mixformer', max_gap=200)

train_dataloader = dict(
    dataset=dict(
        sampling=sampling,
        pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    dataset=dict(sampling=sampling, pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
