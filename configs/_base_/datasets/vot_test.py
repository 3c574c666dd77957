# The videos of a VOT challenge up to 2019, one pass each, in boxes around their polygons.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        type='ListedSOTDataset',
        data_root='data/vot/',
        ann_file='annotations/vot_infos.txt',
        data_prefix=dict(img_path='.')))
