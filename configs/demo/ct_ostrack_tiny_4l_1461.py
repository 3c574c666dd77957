# Four layers for the stages whose untrained student tracks best (tools/analyze_stages.py --metric
# start, docs/insight.md).
_base_ = './ct_ostrack_tiny_4l.py'
model = dict(student=dict(backbone=dict(division=[1, 4, 6, 1])))
