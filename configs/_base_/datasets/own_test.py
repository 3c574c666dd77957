# Own data: folders of frames, or video files, with their boxes in NAME.txt beside them.
_base_ = './lasot_test.py'
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='FolderDataset',
        data_root='data/own/test/',
        pipeline=_base_.test_pipeline,
        test_mode=True))
