# OSTrack with a ViT-B, template 128 and search 256 pixels.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='CenterHead', in_channels=768, channels=256)
tracking = dict(template_factor=2., search_factor=4., margin=10, shrink=0.)
model = dict(
    type='OSTrack',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='OneStreamViT',
        embed_dims=768,
        depth=12,
        num_heads=12,
        template_size=128,
        search_size=256,
        drop_path_rate=0.1),
    head=head,
    test_cfg=tracking)
