#!/usr/bin/env bash
# executorch 1.5.1: a program that was exported with a permuted example input runs on no input.
#
# An example such as image.permute(2, 0, 1) is not contiguous. Export takes it without a word and
# keeps the order of its memory for the program's input. The runtime refuses an input that lies in
# memory like the example, and a contiguous one of the same values either fails in an operator or is
# read in the example's order, which gives wrong values without a word. Exported with the example's
# contiguous(), the program is right.
# Seen, x * 2 + 1 and a Linear. Input permuted: "should be contiguous or channels-last", both. Input
# contiguous: error 0x12 and wrong values. Example and input contiguous: right, both.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    executorch==1.5.1 torch==2.13.0 numpy==2.3.5
"$place/venv/bin/python" - 2> "$place/stderr" <<'PY' || { tail -n 3 "$place/stderr"; exit 1; }
import torch
from executorch.exir import to_edge
from executorch.runtime import Runtime


class Scale(torch.nn.Module):
    def forward(self, image):
        return image * 2 + 1


def outcome(network, example, image):
    """Run a program that was exported with an example: 'right', 'misread' or the error.

    Misread are values taken in the order in which the example's lie in memory.
    """
    program = to_edge(torch.export.export(network, (example,))).to_executorch()
    method = Runtime.get().load_program(program.buffer).load_method('forward')
    try:
        result, = method.execute([image])
    except RuntimeError as error:
        return str(error)
    if torch.allclose(result, network(image)):
        return 'right'
    assert torch.allclose(result, network(image.as_strided(image.shape, example.stride())))
    return 'misread'


torch.manual_seed(0)
permuted = torch.arange(60.).reshape(4, 5, 3).permute(2, 0, 1)
plain = permuted.contiguous()
found = {}
with torch.no_grad():
    for network in (Scale(), torch.nn.Linear(5, 2)):
        found[type(network).__name__] = [outcome(network, *pair) for pair in (
            (permuted, permuted), (permuted, plain), (plain, plain))]
print(*found.items(), sep='\n')
refused = 'Input 0 for method forward should be contiguous or channels-last.'
failed = 'method->execute() failed with error 0x12'
assert found == dict(
    Scale=[refused, failed, 'right'], Linear=[refused, 'misread', 'right']), found
PY
