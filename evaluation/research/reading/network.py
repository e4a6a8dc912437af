"""The network while it is trained, in PyTorch: what `connectors.minilm.pair_graph` makes of it.

PyTorch is no dependency of the project: whoever trains hands its module over.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LAYERS, HEADS, DIMENSIONS = 6, 12, 384
EPSILON, MASKED, LAST_MARK = 1e-12, -1e4, 999
PADDING = 0
DROPPED = 0.1
FROZEN = ("embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight")
INNER = DIMENSIONS // 2


def initial(torch: Any, published: dict[str, Any], device: str) -> dict[str, Any]:
    weights = {
        name: torch.from_numpy(each.astype(np.float32)).to(device)
        for name, each in published.items()
        if not name.startswith("pooler")
    }
    sizes = {
        "whole.inner": (DIMENSIONS, 2 * DIMENSIONS),
        "whole.outer": (1, DIMENSIONS),
        "token.read": (INNER, DIMENSIONS),
        "token.embedded": (INNER, DIMENSIONS),
        "token.pair": (INNER, DIMENSIONS),
        "token.found": (INNER, 1),
        "token.outer": (2, INNER),
    }
    for name, (rows, columns) in sizes.items():
        spread = (3 * max(columns, DIMENSIONS)) ** -0.5
        weights[f"{name}.weight"] = torch.randn(rows, columns, device=device) * spread
    for name, size in (
        ("whole.inner", DIMENSIONS),
        ("token.inner", INNER),
        ("whole.outer", 1),
        ("token.outer", 2),
    ):
        weights[f"{name}.bias"] = torch.zeros(size, device=device)
    for layer in range(LAYERS):  # what is known to work: like looks at like
        told = torch.randn(HEADS, 3) * 0.5 + torch.tensor([1.5, 0.5, 0.5])
        weights[f"encoder.layer.{layer}.relations"] = told.to(device)
    return weights


def embedded(torch: Any, w: dict[str, Any], ids: Any, types: Any, dropped: Any) -> Any:
    ops = torch.nn.functional
    x = (
        w[FROZEN[0]][ids]
        + w[FROZEN[1]][: ids.shape[1]]
        + w["embeddings.token_type_embeddings.weight"][types]
    )
    name = "embeddings.LayerNorm"
    return dropped(
        ops.layer_norm(x, (DIMENSIONS,), w[f"{name}.weight"], w[f"{name}.bias"], EPSILON)
    )


def layers(
    torch: Any, w: dict[str, Any], x: Any, mask: Any, relations: tuple[Any, ...], dropped: Any
) -> Any:
    ops = torch.nn.functional
    pairs, tokens, _ = x.shape

    def linear(x: Any, name: str) -> Any:
        return ops.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x: Any, name: str) -> Any:
        return ops.layer_norm(x, (DIMENSIONS,), w[f"{name}.weight"], w[f"{name}.bias"], EPSILON)

    def heads(x: Any) -> Any:
        return x.view(pairs, tokens, HEADS, -1).transpose(1, 2)

    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        name = f"{layer}.attention.self"
        bias = mask
        if relations:
            told = w[f"{layer}.relations"].to(torch.bfloat16)
            for at, each in enumerate(relations):
                bias = bias + told[:, at].view(1, HEADS, 1, 1) * each[:, None]
        query, key = heads(linear(x, f"{name}.query")), heads(linear(x, f"{name}.key"))
        shares = (query * (DIMENSIONS / HEADS) ** -0.5) @ key.transpose(2, 3) + bias
        shares = torch.softmax(shares, -1, dtype=torch.bfloat16)
        mixed = (shares @ heads(linear(x, f"{name}.value"))).transpose(1, 2)
        mixed = linear(mixed.reshape(pairs, tokens, -1), f"{layer}.attention.output.dense")
        x = norm(x + dropped(mixed), f"{layer}.attention.output.LayerNorm")
        inner = ops.gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + dropped(linear(inner, f"{layer}.output.dense")), f"{layer}.output.LayerNorm")
    return x


def logits(torch: Any, w: dict[str, Any], ids: Any, types: Any, *, train: bool) -> tuple[Any, Any]:
    """Of each pair a logit of its passage answering, (pairs,), and of each token of being the
    first and the last of the answer, (pairs, tokens, 2): as `pair_graph.py` has it."""
    ops = torch.nn.functional
    pairs = len(ids)

    def dropped(x: Any) -> Any:
        if not train:
            return x
        keep = torch.rand(pairs, 1, x.shape[-1], device=x.device) > DROPPED
        return x * keep.to(x.dtype) / (1 - DROPPED)

    own = ids != PADDING
    across = (types[:, :, None] != types[:, None, :]) & (ids[:, :, None] > LAST_MARK)
    equal = ((ids[:, :, None] == ids[:, None, :]) & across).to(torch.bfloat16)
    after = ops.pad(equal[:, 1:, 1:], (0, 1, 0, 1))  # as judged: shifted one way
    before = ops.pad(equal[:, :-1, :-1], (1, 0, 1, 0))
    mask = ((~own).to(torch.bfloat16) * MASKED)[:, None, None, :]
    x = begun = embedded(torch, w, ids, types, dropped)
    x = layers(torch, w, x, mask, (equal, after, before), dropped)
    question = ((types == 0) & own).to(x.dtype)
    mean = (x * question[..., None]).sum(1) / question.sum(1)[:, None]
    both = torch.cat([x[:, 0], mean], -1)
    inner = torch.tanh(ops.linear(both, w["whole.inner.weight"], w["whole.inner.bias"]))
    whole = ops.linear(inner, w["whole.outer.weight"], w["whole.outer.bias"])[:, 0].float()
    parts = {
        "read": x,
        "embedded": begun,
        "pair": dropped(x[:, :1]),
        "found": equal.amax(-1)[..., None],
    }
    inner = w["token.inner.bias"]
    for name, each in parts.items():
        inner = inner + ops.linear(each, w[f"token.{name}.weight"])
    ends = ops.linear(ops.gelu(inner), w["token.outer.weight"], w["token.outer.bias"]).float()
    return whole, ends
