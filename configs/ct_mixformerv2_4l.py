# MixFormerV2-B into four layers, by CompressTracker's recipe (8 processes of 16).
_base_ = [
    '_base_/models/ct_mixformerv2_b.py', '_base_/datasets/mixformerv2.py',
    '_base_/datasets/lasot_test.py', '_base_/schedules/ct_500e.py',
    '_base_/compression_runtime.py'
]
