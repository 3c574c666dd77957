# OpenCV's VitTrack: a convolutional stem, three layers of one head, 48 wide.
_base_ = './ostrack_256.py'
head = dict(in_channels=48, channels=32)
model = dict(
    backbone=dict(
        embed_dims=48,
        depth=3,
        num_heads=1,
        patch_embed=dict(type='ConvStem'),
        norm_eps=1e-5,
        drop_path_rate=0.),
    head=head)
