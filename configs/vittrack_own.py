# VitTrack, fine-tuned on your own videos in data/own (docs/vittrack.md).
_base_ = [
    '_base_/models/vittrack.py', '_base_/datasets/own.py', '_base_/schedules/short.py',
    '_base_/default_runtime.py'
]
model = dict(
    backbone=dict(patch_embed=dict(norm_eval=True)),
    test_cfg=dict(exact_crops=True))
load_from = 'weights/vittrack.pth'  # converted with --calibration
optim_wrapper = dict(optimizer=dict(lr=1e-4))
train_dataloader = dict(batch_size=32, num_workers=2, dataset=dict(pairs_per_epoch=6400))
val_dataloader = dict(batch_size=32, num_workers=2, dataset=dict(pairs_per_epoch=640))
