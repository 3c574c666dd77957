# The demo's teacher on the ground truth of synthetic videos only, more of them than the demo needs:
# tools/make_demo_videos.py data/demo_truth --train 3000 --photos FOLDER
# The weights in configs/demo are those of ostrack_tiny_real.py.
_base_ = [
    '../_base_/models/ostrack_tiny.py', '../_base_/datasets/demo.py',
    '../_base_/schedules/short.py', '../_base_/default_runtime.py'
]
train_dataloader = dict(
    batch_size=32,
    dataset=dict(datasets=[{**_base_.train_videos, 'data_root': 'data/demo_truth/'}]))

max_epochs = 60
decay_from = 48
train_cfg = dict(max_epochs=max_epochs)
find_unused_parameters = False
# Constant, then down to nothing: how long the first part lasts can be decided while it runs.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=200),
    dict(
        type='LinearLR',
        start_factor=1.,
        end_factor=0.01,
        begin=decay_from,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(interval=4, max_keep_ckpts=3))
