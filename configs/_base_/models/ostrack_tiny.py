# OSTrack's shape at a size that two CPU cores train in hours and compress in minutes.
_base_ = './ostrack_256.py'
head = dict(in_channels=48, channels=32)
model = dict(
    backbone=dict(
        embed_dims=48,
        num_heads=1,
        template_size=96,
        search_size=192,
        patch_embed=dict(type='ConvStem'),
        drop_path_rate=0.),
    head=head)
