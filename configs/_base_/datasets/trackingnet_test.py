# TrackingNet's 511 test videos: the server has the ground truth.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='TrackingNetDataset',
        data_root='data/trackingnet/',
        ann_file='annotations/trackingnet_test_infos.txt',
        data_prefix=dict(img_path='.')))
test_cfg = dict(submission='trackingnet')
