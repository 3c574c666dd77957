#!/usr/bin/env bash
# @tensorflow/tfjs-backend-wasm 4.22.0: the bias of a fused layer is right in the first row only.
#
# tf.fused.matMul is a layer in one call: product, bias, activation. Where a matrix is transposed,
# as weights of PyTorch (outputs by inputs) need it, or where there is more than one matrix, as for
# the tokens of several crops, this backend counts on through the bias from row to row and stays at
# its last number. So all tokens but the first of each matrix get the last channel's bias in all
# channels. And tf.maxPoolWithArgmax and tf.dilation2d begin a maximum with the least positive
# float, 1.2e-38, which is what a window of negative numbers gives. No warning. The backend cpu,
# matMul with add, a single matrix as it lies, and maxPool are right.
# Seen with node 20, bias 1, 2, 3, what three rows have more than the product. As it lies: 1, 2, 3
# each. transposeB, transposeA, and both of a batch of two: 1, 2, 3, then 3, 3, 3 twice. On cpu and
# with add: 1, 2, 3 each. Greatest of -4, -3, -2, -1: maxPool -1, the other two 1.2e-38, on cpu -1.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
npm install --silent --no-audit --no-fund --legacy-peer-deps \
    @tensorflow/tfjs-{core,backend-cpu,backend-wasm}@4.22.0 \
    long@4.0.0 node-fetch@2.6.13 seedrandom@3.0.5 > stderr 2>&1 || { tail -n 3 stderr; exit 1; }
cat > fused.js <<'JS'
const assert = require('assert');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm');

// What the rows of a layer's output have more than the product, by fused.matMul and by add.
function biases(batch, transposeA = false, transposeB = false) {
  const [a, b] = [1, 2].map((seed) => tf.randomNormal([batch, 3, 3], 0, 1, 'float32', seed));
  const bias = tf.tensor1d([1, 2, 3]);
  const product = tf.matMul(a, b, transposeA, transposeB);
  return [tf.fused.matMul({a, b, transposeA, transposeB, bias}), tf.add(product, bias)]
    .map((layer) => tf.round(tf.sub(layer, product)).arraySync());
}

async function main() {
  const right = [[1, 2, 3], [1, 2, 3], [1, 2, 3]], wrong = [[1, 2, 3], [3, 3, 3], [3, 3, 3]];
  for (const backend of ['cpu', 'wasm']) {
    assert(await tf.setBackend(backend));
    const square = tf.tensor([-4, -3, -2, -1], [1, 2, 2, 1]);
    const cases = [biases(1), biases(1, false, true), biases(1, true), biases(2)];
    const pools = [
      tf.maxPool(square, 2, 2, 'valid'), tf.maxPoolWithArgmax(square, 2, 2, 'valid').result,
      tf.dilation2d(square, tf.zeros([2, 2, 1]), 1, 'valid')].map((pool) => pool.dataSync()[0]);
    console.log(backend, JSON.stringify(cases), pools);
    const seen = backend === 'cpu' ? right : wrong, most = backend === 'cpu' ? -1 : 2 ** -126;
    assert.deepStrictEqual(cases, [
      [[right], [right]], [[seen], [right]], [[seen], [right]], [[seen, seen], [right, right]]]);
    assert.deepStrictEqual(pools, [-1, most, most]);
  }
}
main().catch((error) => { console.error(error.message); process.exit(1); });
JS
node fused.js 2> stderr || { tail -n 12 stderr; exit 1; }
