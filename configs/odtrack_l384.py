# ODTrack-L: a ViT-L of 24 layers.
_base_ = './odtrack_b384.py'
model = dict(
    backbone=dict(embed_dims=1024, depth=24, num_heads=16), head=dict(in_channels=1024))
load_from = 'weights/mae_vit_large_odtrack_384.pth'
