# VitTrack into two layers, on videos of which only the first box is known (docs/unlabelled.md): the
# boxes are those that the teacher tracked.
_base_ = './ct_vittrack_2l.py'
train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(
                type='FolderDataset',
                data_root='data/own/train/',
                annotations='results/own/train',
                min_score=0.5)
        ]))
val_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(
                type='FolderDataset',
                data_root='data/own/val/',
                annotations='results/own/val',
                min_score=0.5)
        ]))
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='FolderDataset',
        data_root='data/own/test/',
        pipeline=[dict(type='LoadFrame'), dict(type='PackFrame')],
        test_mode=True))
