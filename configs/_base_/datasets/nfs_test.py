# The 100 videos of Need for Speed, at 30 frames a second.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='ListedSOTDataset',
        data_root='data/nfs/',
        ann_file='annotations/nfs_infos.txt',
        data_prefix=dict(img_path='.')))
