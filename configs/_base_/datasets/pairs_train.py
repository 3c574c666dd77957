# Pairs of the four training sets of OSTrack, drawn equally often.
#
# The info files are written by tools/convert_dataset.py; those of GOT-10k's vot split need
# got10k_vot_{train,val}_split.txt of pytracking in data/got10k/train.
lasot_root = 'data/lasot/'
got10k_root = 'data/got10k/'
coco_root = 'data/coco/'
trackingnet_root = 'data/trackingnet/'

# One value per frame: template, search. To change it, give the data loaders new pipelines made of
# these parts.
crop = dict(
    type='CropPair', size=[128, 256], factor=[2, 4], center_jitter=[0, 3], scale_jitter=[0, 0.25])
joint = [
    dict(type='LoadPair'),
    dict(type='GrayPair', prob=0.05),
    dict(type='FlipPair', prob=0.5)
]
augment = [dict(type='BrightenCrops', jitter=0.2), dict(type='FlipCrops', prob=0.5)]
train_pipeline = [*joint, crop, *augment, dict(type='PackPair')]

train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochIndexSampler'),
    collate_fn=dict(type='collate_pairs'),
    dataset=dict(
        type='PairDataset',
        pairs_per_epoch=60000,
        weights=[1, 1, 1, 1],
        datasets=[
            dict(
                type='LaSOTDataset',
                data_root=lasot_root,
                ann_file='annotations/lasot_train_infos.txt',
                data_prefix=dict(img_path='LaSOTBenchmark')),
            dict(
                type='GOT10kDataset',
                data_root=got10k_root,
                ann_file='annotations/got10k_train_vot_infos.txt',
                data_prefix=dict(img_path='.')),
            dict(
                type='SOTCocoDataset',
                data_root=coco_root,
                ann_file='annotations/instances_train2017.json',
                data_prefix=dict(img_path='train2017')),
            dict(
                type='TrackingNetDataset',
                data_root=trackingnet_root,
                ann_file='annotations/trackingnet_train_infos.txt',
                data_prefix=dict(img_path='.')),
        ],
        pipeline=train_pipeline))
