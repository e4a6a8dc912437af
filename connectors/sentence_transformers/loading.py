"""How models of sentence-transformers are loaded: from a folder alone, on a GPU if there is one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from connectors.encoding import Dtype
from connectors.sentence_transformers.weights import torch_missing


def library(setting: str) -> Any:
    """The package, whose types are not there where the extra is not installed.

    Raises:
        UserError: it is not.
    """
    try:
        return import_module("sentence_transformers")
    except ImportError:
        raise torch_missing(setting) from None


def device_of(said: str) -> str:
    """The device that is set; `auto`: a GPU where there is one."""
    if said != "auto":
        return said
    torch: Any = import_module("torch")
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def options(device: str, dtype: Dtype) -> dict[str, Any]:
    """What both kinds of models are loaded with: nothing is fetched, no code of theirs is run."""
    torch: Any = import_module("torch")
    # Half precision is what GPUs are fast at; on a processor it is slow or missing.
    chosen = ("float16" if device.startswith("cuda") else "float32") if dtype == "auto" else dtype
    return {
        "device": device,
        "local_files_only": True,
        "trust_remote_code": False,
        "model_kwargs": {"dtype": getattr(torch, chosen), "use_safetensors": True},
    }
