# OpenCV's VitTrack: a convolutional stem, three layers of one head, 48 wide.
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
        depth=3,
        num_heads=1,
        template_size=128,
        search_size=256,
        patch_embed=dict(type='ConvStem'),
        norm_eps=1e-5),
    head=head,
    test_cfg=tracking)
