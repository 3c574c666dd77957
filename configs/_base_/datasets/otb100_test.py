# OTB100's 100 targets.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='OTB100Dataset',
        data_root='data/otb100/',
        ann_file='annotations/otb100_infos.txt',
        data_prefix=dict(img_path='.')))
