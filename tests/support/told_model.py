"""A language model of hand-set weights, as a GGUF file: it says what it is told to say.

Its vocabulary is bytes and whole phrases. Embeddings are one-hot, attention and feed-forward
weights are zero, and the output matrix has a one in row `b`, column `a` where phrase `b` follows
`a`: greedy decoding walks a chain of phrases. The chat template ends a prompt with the mark of a
chain, by what the prompt says. A server takes it for a model like any other, and tokenizes, samples
and counts: what it proves is the wire, and nothing about language.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # kinds of tokens
_U32, _F32, _I32, _TEXT, _LIST = 4, 6, 5, 8, 9
_ALIGNED = 32
_HEAD = 32  # dimensions of the one attention head, which adds nothing
_END = 2
ALWAYS = ""  # the key of the chain for all other prompts; it comes last

Chains = Mapping[str, Sequence[str]]


def said(chains: Chains, prompt: str) -> str:
    """What such a model says: the chain of the first key that the prompt contains."""
    return "".join(next(chain for key, chain in chains.items() if key in prompt))


def write(path: Path, chains: Chains, endless: str = "") -> None:
    """Write the model of these chains; a prompt with the word `endless` it is never done with.

    Each phrase must be there once: what follows it follows from it alone.
    """
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256))]
    kinds = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256]
    follows: dict[int, int] = {}

    def add(text: str, kind: int) -> int:
        tokens.append(text.replace(" ", "\u2581"))
        kinds.append(kind)
        return len(tokens) - 1

    marks: dict[str, str] = {}
    for number, (key, phrases) in enumerate(chains.items()):
        if key == ALWAYS and endless:
            marks[endless] = "<|endless|>"
            at = add(marks[endless], CONTROL)
            follows[at] = at = add(" and on", NORMAL)
            follows[at] = at
        marks[key] = f"<|{number}|>"
        at = add(marks[key], CONTROL)
        for phrase in phrases:
            follows[at] = at = add(phrase, NORMAL)
    _write(path, tokens, kinds, follows, _template(marks))


def _template(marks: Mapping[str, str]) -> str:
    """Messages one after the other, then the mark of the chain that the prompt asks for."""
    said = "{%- for m in messages %}{{ m['content'] }}\n{% endfor -%}"
    said += "{%- set said = messages | map(attribute='content') | join(' ') -%}"
    tests = [f"{{%- if {json.dumps(key)} in said -%}}{mark}" for key, mark in marks.items()]
    return said + "{%- else -%}".join(tests) + "{%- endif -%}" * len(tests)


def _write(
    path: Path, tokens: list[str], kinds: list[int], follows: Mapping[int, int], template: str
) -> None:
    count = len(tokens)
    width = -(-count // _HEAD) * _HEAD
    embedded = np.eye(count, width, dtype=np.float32)
    output = np.zeros((count, width), np.float32)
    for token in range(count):
        output[follows.get(token, _END), token] = 1
    ones = np.ones(width, np.float32)

    def nothing(rows: int, columns: int) -> np.ndarray:
        return np.zeros((rows, columns), np.float32)

    tensors: dict[str, np.ndarray] = {
        "token_embd.weight": embedded,
        "output_norm.weight": ones,
        "output.weight": output,
        "blk.0.attn_norm.weight": ones,
        "blk.0.attn_q.weight": nothing(_HEAD, width),
        "blk.0.attn_k.weight": nothing(_HEAD, width),
        "blk.0.attn_v.weight": nothing(_HEAD, width),
        "blk.0.attn_output.weight": nothing(width, _HEAD),
        "blk.0.ffn_norm.weight": ones,
        "blk.0.ffn_gate.weight": nothing(_HEAD, width),
        "blk.0.ffn_up.weight": nothing(_HEAD, width),
        "blk.0.ffn_down.weight": nothing(width, _HEAD),
    }
    facts = [
        _fact("general.architecture", _TEXT, "llama"),
        _fact("general.name", _TEXT, "told"),
        _fact("llama.vocab_size", _U32, count),
        _fact("llama.context_length", _U32, 32768),
        _fact("llama.embedding_length", _U32, width),
        _fact("llama.block_count", _U32, 1),
        _fact("llama.feed_forward_length", _U32, _HEAD),
        _fact("llama.attention.head_count", _U32, 1),
        _fact("llama.attention.head_count_kv", _U32, 1),
        _fact("llama.attention.key_length", _U32, _HEAD),
        _fact("llama.attention.value_length", _U32, _HEAD),
        _fact("llama.rope.dimension_count", _U32, _HEAD),
        _fact("llama.attention.layer_norm_rms_epsilon", _F32, 1e-5),
        _fact("tokenizer.ggml.model", _TEXT, "llama"),
        _facts("tokenizer.ggml.tokens", _TEXT, tokens),
        _facts("tokenizer.ggml.scores", _F32, [-float(n) for n in range(count)]),
        _facts("tokenizer.ggml.token_type", _I32, kinds),
        _fact("tokenizer.ggml.unknown_token_id", _U32, 0),
        _fact("tokenizer.ggml.bos_token_id", _U32, 1),
        _fact("tokenizer.ggml.eos_token_id", _U32, _END),
        _fact("tokenizer.chat_template", _TEXT, template),
    ]
    infos, data = b"", b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        infos += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += _padded(tensor.tobytes())
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    path.write_bytes(_padded(head + b"".join(facts) + infos) + data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNED)


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: object) -> bytes:
    if kind == _TEXT:
        return _text(str(value))
    return struct.pack({_U32: "<I", _I32: "<i", _F32: "<f"}[kind], value)


def _fact(name: str, kind: int, value: object) -> bytes:
    return _text(name) + struct.pack("<I", kind) + _value(kind, value)


def _facts(name: str, kind: int, values: Sequence[object]) -> bytes:
    head = _text(name) + struct.pack("<IIQ", _LIST, kind, len(values))
    return head + b"".join(_value(kind, value) for value in values)
