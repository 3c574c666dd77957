#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: a TIFF of signed 16-bit numbers, as thermal cameras and DICOM
# converters write it, is read by imdecode with IMREAD_COLOR as 8 bits whose negative values are
# white (255), not black; a TIFF of float32 gives None. IMREAD_UNCHANGED reads both as they are.
# Seen: int16 [-100, 0, 256, 32767] -> [255, 0, 1, 127]; float32 -> None.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 numpy==2.3.5 tifffile==2026.1.14
"$place/venv/bin/python" - "$place" <<'PY'
import sys

import cv2
import numpy as np
import tifffile

values = np.array([[-100, 0, 256, 32767]], np.int16).repeat(4, axis=0)
read = {}
for name, image in (('int16', values), ('float32', values.astype(np.float32))):
    file = f'{sys.argv[1]}/{name}.tif'
    tifffile.imwrite(file, image)
    content = np.fromfile(file, np.uint8)
    colour = cv2.imdecode(content, cv2.IMREAD_COLOR)
    whole = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    assert np.array_equal(whole, image), whole
    read[name] = None if colour is None else colour[0, :, 0].tolist()
print(cv2.__version__, read)
assert read == {'int16': [255, 0, 1, 127], 'float32': None}, read
PY
