# Validation while training: the same 10 000 pairs of GOT-10k's vot validation split every time.
val_pipeline = [
    dict(type='LoadPair'),
    dict(type='GrayPair', prob=0.05),
    dict(type='FlipPair', prob=0.5),
    dict(type='CropPair', size=[128, 256], factor=[2, 4], center_jitter=[0, 3],
         scale_jitter=[0, 0.25]),
    dict(type='PackPair')
]

val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='collate_pairs'),
    dataset=dict(
        type='PairDataset',
        pairs_per_epoch=10000,
        datasets=[
            dict(
                type='GOT10kDataset',
                data_root='data/got10k/',
                ann_file='annotations/got10k_val_vot_infos.txt',
                data_prefix=dict(img_path='.')),
        ],
        pipeline=val_pipeline))
val_evaluator = dict(type='PairIoU')
val_cfg = dict(type='ValLoop')
