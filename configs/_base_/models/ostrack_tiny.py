# OSTrack's shape at a size that two CPU cores train in minutes.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='CenterHead', in_channels=64, channels=64)
tracking = dict(template_factor=2., search_factor=4., margin=10)
model = dict(
    type='OSTrack',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='OneStreamViT',
        embed_dims=64,
        depth=12,
        num_heads=2,
        template_size=64,
        search_size=128),
    head=head,
    test_cfg=tracking)
