# OSTrack's shape at a size that two CPU cores train in hours and compress in minutes.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='CenterHead', in_channels=48, channels=32)
tracking = dict(template_factor=2., search_factor=4., margin=10)
model = dict(
    type='OSTrack',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='OneStreamViT',
        embed_dims=48,
        depth=12,
        num_heads=1,
        template_size=96,
        search_size=192,
        patch_embed=dict(type='ConvStem')),
    head=head,
    test_cfg=tracking)
