# GOT-10k's 180 validation videos, whose ground truth is public.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='GOT10kValDataset',
        data_root='data/got10k/',
        ann_file='annotations/got10k_val_infos.txt',
        data_prefix=dict(img_path='.')))
