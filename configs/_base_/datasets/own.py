# Own data for training (pairs), validation, int8 calibration and testing, in place of
# pairs_train.py, got10k_val.py and lasot_test.py.
_base_ = ['./pairs_train.py', './got10k_val.py', './own_test.py']
train_dataloader = dict(
    dataset=dict(
        weights=[1], datasets=[dict(type='FolderDataset', data_root='data/own/train/')]))
val_dataloader = dict(
    dataset=dict(datasets=[dict(type='FolderDataset', data_root='data/own/val/')]))
