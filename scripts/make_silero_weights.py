"""Make dialer/conversation/silero_8k.npz from the published model.

    python scripts/make_silero_weights.py silero_vad.onnx

The file is in the wheel of `silero-vad` (6.2.3: `pip download --no-deps silero-vad`, silero_vad/data/silero_vad.onnx).
Needs the package `onnx`. Layers become matrices whose rows are inputs, tap after tap (`silero.Weights`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from dialer.conversation.silero import WEIGHTS


def constants(model: Path) -> dict[str, Any]:
    """The weights of the 8 kHz branch by their names in the model."""
    branches = next(node for node in onnx.load(model).graph.node if node.op_type == "If").attribute
    graph = next(branch.g for branch in branches if branch.name == "else_branch")
    found = {}
    for node in graph.node:
        if node.op_type == "Constant":
            value = next((item.t for item in node.attribute if item.name == "value"), None)
            if value is not None:
                found[node.output[0].split("Inline_0__")[-1]] = numpy_helper.to_array(value)
    return found


def taps(weight: Any) -> Any:
    """A convolution (outputs, inputs, taps) as a matrix (taps x inputs, outputs)."""
    return weight.transpose(2, 1, 0).reshape(-1, weight.shape[0])


def matrices(of: dict[str, Any]) -> dict[str, Any]:
    """`silero.Weights`, name by name."""
    encoder = [of[f"encoder.{layer}.reparam_conv.weight"] for layer in range(4)]
    biases = [of[f"encoder.{layer}.reparam_conv.bias"] for layer in range(4)]
    return {
        "fourier": taps(of["stft.forward_basis_buffer"]),
        "wide": taps(encoder[0]),
        "wide_bias": biases[0],
        "halved": taps(encoder[1]),
        "halved_bias": biases[1],
        # Of two steps the first tap sees only padding, and of one step the outer taps do.
        "quartered": taps(encoder[2][:, :, 1:]),
        "quartered_bias": biases[2],
        "features": taps(encoder[3][:, :, 1:2]),
        "features_bias": biases[3],
        "cell": np.concatenate([of["decoder.rnn.weight_ih"], of["decoder.rnn.weight_hh"]], axis=1).T,
        "cell_bias": of["decoder.rnn.bias_ih"] + of["decoder.rnn.bias_hh"],
        "out": of["decoder.decoder.2.weight"].reshape(-1),
        "out_bias": of["decoder.decoder.2.bias"],
    }


if __name__ == "__main__":
    np.savez_compressed(
        WEIGHTS, **{name: np.ascontiguousarray(m) for name, m in matrices(constants(Path(sys.argv[1]))).items()}
    )
