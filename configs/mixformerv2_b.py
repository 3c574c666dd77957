# MixFormerV2-B's box: backbone and box head. mixformerv2_b_score.py trains the score afterwards.
# The released tracker also learned from larger ones; to train that one further, set load_from.
_base_ = [
    '_base_/models/mixformerv2_b.py', '_base_/datasets/mixformerv2.py',
    '_base_/datasets/lasot_test.py', '_base_/schedules/mixformerv2_500e.py',
    '_base_/default_runtime.py'
]
model = dict(frozen=['head.score_head'])
train_dataloader = dict(batch_size=32)
