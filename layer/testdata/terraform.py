"""Checks Terraform files against aws-schema.json, and prints what is declared.

    terraform.py FILE…

Each argument and block must be one that the provider knows, and each that it
requires must be there; otherwise it says so, and ends with 1.
"""
import json
import os
import sys

import hcl2

META = {"for_each", "count", "depends_on", "lifecycle", "provider"}
with open(os.path.join(os.path.dirname(__file__), "aws-schema.json"), encoding="utf-8") as f:
    SCHEMA = json.load(f)
problems = []


def plain(v):
    """v without the quotation marks and marks of lines of the parser."""
    if isinstance(v, dict):
        return {plain(k): plain(one) for k, one in v.items() if not k.startswith("__")}
    if isinstance(v, list):
        return [plain(one) for one in v]
    if isinstance(v, str) and len(v) > 1 and v[0] == v[-1] == '"':
        return v[1:-1]
    return v


def check(where, known, body):
    for name, value in body.items():
        if name not in known and name not in META:
            problems.append(f"{where}: the provider has no argument {name}")
        elif isinstance(known.get(name), dict):
            for block in value if isinstance(value, list) else [value]:
                check(f"{where}.{name}", known[name], block)
    for name, kind in known.items():
        if isinstance(kind, str) and kind.endswith(", required") and name not in body:
            problems.append(f"{where}: {name} is missing")


declared = {}
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        content = plain(hcl2.load(f))
    for kind in ("resource", "data"):
        for one in content.get(kind, []):
            for resource, named in one.items():
                for name, body in named.items():
                    where = f"{kind} {resource}"
                    declared[f"{where}.{name}"] = body
                    if where not in SCHEMA:
                        problems.append(f"{path}: the schema here does not have {where}")
                    else:
                        check(f"{where}.{name}", SCHEMA[where], body)
    for kind in ("variable", "output"):
        for one in content.get(kind, []):
            for name, body in one.items():
                declared[f"{kind}.{name}"] = body
for problem in problems:
    print(problem, file=sys.stderr)
json.dump(declared, sys.stdout)
sys.exit(1 if problems else 0)
