# SUTrack-L224: 40 layers of 768 channels behind two and two convolutional blocks.
_base_ = './sutrack_b224.py'
model = dict(
    backbone=dict(embed_dims=768, depth=40, num_heads=12, coarse_depths=[2, 2]),
    head=dict(in_channels=768))
