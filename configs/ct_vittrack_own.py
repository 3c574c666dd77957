# The VitTrack of vittrack_own.py into two layers, on the same videos (docs/vittrack.md).
_base_ = [
    '_base_/models/ct_vittrack.py', '_base_/datasets/own.py', '_base_/schedules/short.py',
    '_base_/short_compression_runtime.py'
]
model = dict(
    teacher_checkpoint='work_dirs/vittrack_own/epoch_8.pth',
    student=dict(test_cfg=dict(exact_crops=True)))
train_dataloader = dict(batch_size=32, num_workers=2, dataset=dict(pairs_per_epoch=6400))
val_dataloader = dict(batch_size=32, num_workers=2, dataset=dict(pairs_per_epoch=640))
