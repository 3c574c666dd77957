# Synthetic videos in LaSOT's layout (tools/make_demo_videos.py data/demo).
_base_ = ['./pairs_train.py', './got10k_val.py', './lasot_test.py']
data_root = 'data/demo/'
# The scale jitter is OSTrack-384's: with half of it so small a tracker learns to answer the crop's
# scale instead of the target's, and its boxes grow from frame to frame.
crop = dict(
    type='CropPair', size=[96, 192], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])

train_videos = dict(
    type='LaSOTDataset',
    data_root=data_root,
    ann_file='annotations/lasot_train_infos.txt',
    data_prefix=dict(img_path='LaSOTBenchmark'))
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    dataset=dict(
        pairs_per_epoch=6400,
        weights=None,  # all equally often
        datasets=[train_videos],
        pipeline=[*_base_.joint, crop, *_base_.augment, dict(type='PackPair')]))
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    dataset=dict(
        pairs_per_epoch=960,
        datasets=[dict(train_videos, ann_file='annotations/lasot_val_infos.txt')],
        pipeline=[*_base_.joint, crop, dict(type='PackPair')]))
# No worker: it would take more from the network's threads on two cores than so small frames cost.
test_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root))
