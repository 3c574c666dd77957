# Synthetic videos in LaSOT's layout (tools/make_demo_videos.py data/demo).
data_root = 'data/demo/'
# The scale jitter is OSTrack-384's: with half of it so small a tracker learns to answer the crop's
# scale instead of the target's, and its boxes grow from frame to frame.
crop = dict(
    type='CropPair', size=[96, 192], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.5])
joint = [
    dict(type='LoadPair'),
    dict(type='GrayPair', prob=0.05),
    dict(type='FlipPair', prob=0.5)
]
augment = [dict(type='BrightenCrops', jitter=0.2), dict(type='FlipCrops', prob=0.5)]

train_videos = dict(
    type='LaSOTDataset',
    data_root=data_root,
    ann_file='annotations/lasot_train_infos.txt',
    data_prefix=dict(img_path='LaSOTBenchmark'))
train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochIndexSampler'),
    collate_fn=dict(type='collate_pairs'),
    dataset=dict(
        type='PairDataset',
        pairs_per_epoch=6400,
        datasets=[train_videos],
        pipeline=[*joint, crop, *augment, dict(type='PackPair')]))

val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='collate_pairs'),
    dataset=dict(
        type='PairDataset',
        pairs_per_epoch=960,
        datasets=[
            dict(
                type='LaSOTDataset',
                data_root=data_root,
                ann_file='annotations/lasot_val_infos.txt',
                data_prefix=dict(img_path='LaSOTBenchmark')),
        ],
        pipeline=[*joint, crop, dict(type='PackPair')]))
val_evaluator = dict(type='PairIoU')
val_cfg = dict(type='ValLoop')

# No worker: it would take more from the network's threads on two cores than so small frames cost.
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    drop_last=False,
    sampler=dict(type='SequenceSampler'),
    dataset=dict(
        type='LaSOTDataset',
        data_root=data_root,
        ann_file='annotations/lasot_test_infos.txt',
        data_prefix=dict(img_path='LaSOTBenchmark'),
        pipeline=[dict(type='LoadFrame'), dict(type='PackFrame')],
        test_mode=True))
test_evaluator = dict(
    type='OnePassMetric', metric='OPE', metric_options=dict(only_eval_visible=True))
test_cfg = dict(type='SequenceTestLoop')
