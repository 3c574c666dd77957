# GOT-10k's 180 test videos: the server has the ground truth.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='GOT10kDataset',
        data_root='data/got10k/',
        ann_file='annotations/got10k_test_infos.txt',
        data_prefix=dict(img_path='.')))
test_cfg = dict(submission='got10k')
