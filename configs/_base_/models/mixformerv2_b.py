# MixFormerV2-B: eight layers, template 128 and search 288 pixels, edges in 96 bins.
data_preprocessor = dict(
    type='PairDataPreprocessor', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
head = dict(type='EdgeHead', in_channels=768, bins=96, with_score=True)
# The interval is that of LaSOT; docs/mixformerv2.md has those of other data sets.
tracking = dict(
    template_factor=2.,
    search_factor=5.,
    margin=10,
    templates=dict(type='BestOfInterval', interval=200))
model = dict(
    type='MixFormerV2',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='MixViT',
        embed_dims=768,
        depth=8,
        num_heads=12,
        mlp_ratio=4.,
        template_size=128,
        search_size=288,
        drop_path_rate=0.1),
    head=head,
    test_cfg=tracking)
