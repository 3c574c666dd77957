#!/usr/bin/env bash
# vot-trax 4.0.2: the Python client fails with its own defaults.
#
# Client(stream, log=False), which is the default and "no log is written" by its docstring, hands
# None to a function of C that takes no None: ctypes.ArgumentError, before a word is sent.
# Client.frame(images, properties), whose objects are optional by its docstring, asks for the length
# of None: TypeError. Client(stream, log='session.log') raises FileNotFoundError for a file in the
# working directory, since it makes the folder of that name first, which is ''.
# With a function as log and an empty list as objects the same session runs to its end.
# Seen: ArgumentError, FileNotFoundError, TypeError; then a rectangle for both frames.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check vot-trax==4.0.2 numpy==2.3.5
cd "$place"
cat > tracker.py <<'PY'
import trax

with trax.Server([trax.Region.RECTANGLE], [trax.Image.PATH], tracker_name='still') as server:
    while server.wait().type != trax.TraxStatus.QUIT:
        server.status([(trax.Rectangle.create(1, 2, 3, 4), {})])
PY
venv/bin/python - 2> stderr <<'PY' || { tail -n 3 stderr; exit 1; }
import ctypes
import subprocess
import sys

import trax
from trax.client import Client

tracker = subprocess.Popen(
    [sys.executable, 'tracker.py'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
stream = tracker.stdin.fileno(), tracker.stdout.fileno()


def fails(error, call, *values, **options):
    try:
        call(*values, **options)
    except error as raised:
        print(f'{call.__name__}{options or ""}: {error.__name__}: {raised}')
    else:
        raise SystemExit(f'{call.__name__} of {options} did not raise {error.__name__}')


try:
    fails(ctypes.ArgumentError, Client, stream)
    fails(ctypes.ArgumentError, Client, stream, log=False)
    fails(FileNotFoundError, Client, stream, log='session.log')
    client = Client(stream, log=lambda message: None)
    image = dict(color=trax.FileImage.create('/no/matter.jpg'))
    first, _ = client.initialize(image, [(trax.Rectangle.create(1, 2, 3, 4), {})], {})
    fails(TypeError, client.frame, image, {})
    second, _ = client.frame(image, {}, [])
    boxes = [objects[0][0].bounds() for objects in (first, second)]
    client.quit()
    tracker.wait(30)
finally:
    tracker.kill()
print('with a function and an empty list:', boxes)
assert boxes == [(1, 2, 3, 4)] * 2, boxes
PY
