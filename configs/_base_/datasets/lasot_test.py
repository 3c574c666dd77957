# Tracking through LaSOT's 280 test videos, one pass.
test_pipeline = [dict(type='LoadFrame'), dict(type='PackFrame')]

test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='SequenceSampler'),
    dataset=dict(
        type='LaSOTDataset',
        data_root='data/lasot/',
        ann_file='annotations/lasot_test_infos.txt',
        data_prefix=dict(img_path='LaSOTBenchmark'),
        pipeline=test_pipeline,
        test_mode=True))
test_evaluator = dict(
    type='OnePassMetric', metric='OPE', metric_options=dict(only_eval_visible=True))
test_cfg = dict(type='SequenceTestLoop')
