# VitTrack into a student at twice its speed: two layers, which see the middle of VitTrack's crops.
# Its weights are in ct_vittrack_fast.pth (docs/vittrack.md, the section on speed).
_base_ = [
    '_base_/models/ct_vittrack.py', '_base_/datasets/pairs_train.py',
    '_base_/datasets/real_pictures.py', '_base_/datasets/got10k_val.py',
    '_base_/datasets/lasot_test.py', '_base_/schedules/short.py',
    '_base_/short_compression_runtime.py'
]
# Nothing is learned from labels: they are where the crops are, and the teacher's answers in these
# crops teach everything, the score map too.
no_labels = dict(type='TrackLoss', focal_weight=0., iou_weight=0., l1_weight=0.)
model = dict(
    replace_prob=1.,  # the stages are not replaced
    student=dict(
        backbone=dict(template_size=96, search_size=192),
        head=dict(loss=no_labels),
        test_cfg=dict(template_factor=1.5, search_factor=3.)),
    guidance_loss=dict(focal_weight=1.),
    mimic_loss=dict(loss_weight=1.))
custom_hooks = [dict(type='IterationSeedHook')]

crop = dict(
    type='CropPair', size=[128, 256], factor=[2, 4], student_size=[96, 192],
    student_factor=[1.5, 3], center_jitter=[0, 2], scale_jitter=[0, 0.4])
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    dataset=dict(
        pairs_per_epoch=6400,
        **_base_.real_pictures,
        pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
# Validation sees the student alone.
val_crop = dict(
    type='CropPair', size=[96, 192], factor=[1.5, 3], center_jitter=[0, 2], scale_jitter=[0, 0.4])
val_dataloader = dict(dataset=dict(pipeline=[*_base_.joint, val_crop, dict(type='PackPair')]))

max_epochs = 32  # of 6 400 pairs
train_cfg = dict(max_epochs=max_epochs, val_interval=8)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs)
]
