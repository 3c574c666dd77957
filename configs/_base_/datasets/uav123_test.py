# UAV123's 123 videos.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='UAV123Dataset',
        data_root='data/uav123/',
        ann_file='annotations/uav123_infos.txt',
        data_prefix=dict(img_path='.')))
