"""机关流程再造: whoever writes a process in an editor sees every word that may stand there, and what it means."""

from __future__ import annotations

import json

from infra.settings import RULEBOOKS
from rules.actions import BY_KIND
from rules.process import Process

FILE = RULEBOOKS / "process.schema.json"
"""Shipped beside the rulebooks; the first line of a process file points an editor to it."""


def schema_text() -> str:
    """The JSON Schema of a process file, made from the models that read it."""
    schema = Process.model_json_schema()
    actions = sorted({name for known in BY_KIND.values() for name in known})
    listed = {"type": "array", "items": {"enum": actions}}
    for part in (schema["properties"]["always"], schema["$defs"]["Stage"]["properties"]["actions"]):
        part["additionalProperties"] = listed
    schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A process of Minsheng"}
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
