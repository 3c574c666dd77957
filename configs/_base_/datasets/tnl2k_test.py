# TNL2K's 700 test videos.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='ListedSOTDataset',
        data_root='data/tnl2k/',
        ann_file='annotations/tnl2k_infos.txt',
        data_prefix=dict(img_path='.')))
