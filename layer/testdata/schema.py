"""Writes aws-schema.json: the arguments of the resources that the Terraform
module and snippet use, as the AWS provider's own schema has them. The provider
itself is on no registry of packages; @cdktf/provider-aws is generated from its
schema, and its declarations name every argument.

    npm pack @cdktf/provider-aws@21.22.1    # of provider 6.25.0; 37 MB
    python schema.py cdktf-provider-aws-21.22.1.tgz > aws-schema.json
"""
import json
import re
import sys
import tarfile

WANTED = ["dynamodb-table", "lambda-layer-version", "lambda-function", "iam-policy", "iam-role", "iam-role-policy",
          "iam-role-policy-attachment", "data-aws-dynamodb-table", "data-aws-lambda-layer-version"]


def snake(name):
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def arguments(interfaces, name):
    out = {}
    for member, optional, kind in re.findall(r"(?m)^    readonly (\w+)(\??): ([^;{]*)[;{]", interfaces[name]):
        kind = kind.replace("| cdktf.IResolvable", "").strip().removesuffix("[]")
        required = "" if optional else ", required"
        out[snake(member)] = arguments(interfaces, kind) if kind in interfaces else (kind or "map") + required
    return out


schema = {}
with tarfile.open(sys.argv[1]) as package:
    for wanted in WANTED:
        text = package.extractfile(f"package/lib/{wanted}/index.d.ts").read().decode()
        interfaces = dict(re.findall(r"(?ms)^export interface (\w+)[^{]*\{\n(.*?)^\}", text))
        config = next(name for name in interfaces if name.endswith("Config"))
        kind, name = ("data", wanted.removeprefix("data-")) if wanted.startswith("data-") else ("resource", "aws-" + wanted)
        schema[f"{kind} {name.replace('-', '_')}"] = arguments(interfaces, config)
json.dump(schema, sys.stdout, indent=1, sort_keys=True)
print()
