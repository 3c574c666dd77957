# The 150 videos of LaSOT's extension, of classes that LaSOT has not.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='LaSOTDataset',
        data_root='data/lasot_ext/',
        ann_file='annotations/lasot_ext_infos.txt',
        data_prefix=dict(img_path='.')))
