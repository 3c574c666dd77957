# OSTrack-256 from an MAE-pretrained ViT-B (tools/convert_weights.py makes the file).
_base_ = [
    '_base_/models/ostrack_256.py', '_base_/datasets/pairs_train.py',
    '_base_/datasets/got10k_val.py', '_base_/datasets/lasot_test.py',
    '_base_/schedules/ostrack_300e.py', '_base_/default_runtime.py'
]
train_dataloader = dict(batch_size=32)
load_from = 'weights/mae_vit_base_256.pth'
