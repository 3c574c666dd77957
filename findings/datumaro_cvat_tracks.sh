#!/usr/bin/env bash
# datumaro 1.13.12: tracks of a CVAT video come out in other frames of MOT, and longer.
#
# CVAT writes the annotation of a video track by track, and ends a track with a box that is outside,
# which says that the target is no longer in the picture. Read as cvat, each item knows its frame
# and each box whether it is outside, by attributes. Exported as mot_seq_gt, though, frames are
# numbered from 1 in the order in which the file comes to them. So frames without a box are left
# out, and a track behind another in the file is later, whenever it was. The boxes outside become
# visible targets that count (mark 1, visibility 1). No warning.
# Seen, frames in MOT, which counts from 1. A target in frames 6 and 7, outside in 8: 1, 2, 3. The
# next in the file in 3 and 4, outside in 5: 4, 5, 6. Mark and visibility 1 for all of them.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    datumaro==1.13.12 attrs==26.1.0 cachetools==7.0.5 defusedxml==0.7.1 imagesize==2.0.1 \
    json-stream==2.5.1 json-stream-rs-tokenizer==0.5.4 lxml==6.1.3 numpy==2.4.6 \
    opencv-python-headless==4.14.0.94 orjson==3.13.0 pandas==2.3.3 pillow==12.3.0 pyarrow==25.0.0 \
    pycocotools==2.0.11 python-dateutil==2.9.0.post0 PyYAML==6.0.3 ruamel.yaml==0.19.1 \
    shapely==2.2.0 six==1.17.0 tqdm==4.70.1 typing_extensions==4.16.0
cat > "$place/annotations.xml" <<'XML'
<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <name>walk</name>
      <size>10</size>
      <mode>interpolation</mode>
      <start_frame>0</start_frame>
      <stop_frame>9</stop_frame>
      <labels><label><name>person</name><attributes></attributes></label></labels>
      <original_size><width>640</width><height>480</height></original_size>
    </task>
  </meta>
  <track id="0" label="person">
    <box frame="5" outside="0" occluded="0" keyframe="1" xtl="50" ytl="9" xbr="70" ybr="59"></box>
    <box frame="6" outside="0" occluded="0" keyframe="1" xtl="60" ytl="9" xbr="80" ybr="59"></box>
    <box frame="7" outside="1" occluded="0" keyframe="1" xtl="60" ytl="9" xbr="80" ybr="59"></box>
  </track>
  <track id="1" label="person">
    <box frame="2" outside="0" occluded="0" keyframe="1" xtl="20" ytl="9" xbr="40" ybr="59"></box>
    <box frame="3" outside="0" occluded="0" keyframe="1" xtl="30" ytl="9" xbr="50" ybr="59"></box>
    <box frame="4" outside="1" occluded="0" keyframe="1" xtl="30" ytl="9" xbr="50" ybr="59"></box>
  </track>
</annotations>
XML
"$place/venv/bin/python" - "$place" 2> "$place/stderr" <<'PY' ||
import sys

from datumaro import Dataset

place = sys.argv[1]
read = Dataset.import_from(f'{place}/annotations.xml', 'cvat')
boxes = {}
for item in read:
    for box in item.annotations:
        boxes.setdefault(box.attributes['track_id'], []).append(
            (1 + item.attributes['frame'], box.attributes['outside']))
read.export(f'{place}/mot', 'mot_seq_gt')
mot = {}
with open(f'{place}/mot/gt/gt.txt') as file:
    for line in file:
        frame, track, *_, mark, _, visibility = map(float, line.split(','))
        mot.setdefault(track, []).append(frame)
        assert (mark, visibility) == (1, 1), line
print('CVAT', boxes, 'MOT', mot)
assert boxes == {
    0: [(6, False), (7, False), (8, True)], 1: [(3, False), (4, False), (5, True)]}, boxes
assert mot == {1: [1, 2, 3], 2: [4, 5, 6]}, mot
PY
    { tail -n 3 "$place/stderr"; exit 1; }
