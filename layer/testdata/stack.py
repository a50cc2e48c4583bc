"""Creates a stack from a template on a local AWS, and prints what there is then.

    stack.py ENDPOINT REGION TEMPLATE [NAME=VALUE…]    create, then print
    stack.py ENDPOINT REGION                           print only

A template with SAM's transform is translated first, as CloudFormation would.
"""
import ast
import io
import json
import os
import sys
import zipfile

import boto3

endpoint, region, *rest = sys.argv[1:]
os.environ["AWS_DEFAULT_REGION"] = region  # for the translator


def client(service):
    return boto3.client(service, endpoint_url=endpoint, region_name=region,
                        aws_access_key_id="test", aws_secret_access_key="test")


def layer():
    """A zip file that is a layer as far as a local AWS looks."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("extensions/logtable", "binary")
    return out.getvalue()


def upload():
    """Puts the one file there is into the one bucket: s3://packaged/layer.zip."""
    s3 = client("s3")
    s3.create_bucket(Bucket="packaged", CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket="packaged", Key="layer.zip", Body=layer())


def translated(template, parameters):
    from samtranslator.translator.transform import transform

    # As `sam package` does: files are uploaded, and their places written in.
    for resource in template["Resources"].values():
        for name in ("ContentUri", "CodeUri"):
            if name in resource["Properties"]:
                resource["Properties"][name] = "s3://packaged/layer.zip"

    class Policies:
        def load(self):
            return {}

    return transform(template, parameters, Policies())


def create(path, parameters):
    """Creates the stack, and returns the tables and layers of its template."""
    from cfnlint.decode.cfn_yaml import loads

    with open(path, encoding="utf-8") as f:
        template = json.loads(json.dumps(loads(f.read())))
    upload()
    if "Transform" in template:
        template = translated(template, dict(parameters))
    for resource in template["Resources"].values():
        if resource["Type"] in ("AWS::Lambda::LayerVersion", "AWS::Lambda::Function"):
            content = resource["Properties"].get("Content") or resource["Properties"]["Code"]
            if isinstance(content.get("S3Bucket"), dict):  # of CDK's and Serverless's own
                content["S3Bucket"], content["S3Key"] = "packaged", "layer.zip"
    if "BootstrapVersion" in template.get("Parameters", {}):
        client("ssm").put_parameter(Name=template["Parameters"]["BootstrapVersion"]["Default"], Value="30",
                                    Type="String")
    known = Template(template, dict(parameters))
    template["Resources"] = known.chosen(template["Resources"])
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="logtable", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters])
    stack = cloudformation.describe_stacks(StackName="logtable")["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        sys.exit(f"the stack is {stack['StackStatus']}: {stack.get('StackStatusReason')}")
    return declared(known)


NOTHING = {"Ref": "AWS::NoValue"}


class Template:
    """A template with its parameters: what its conditions come to."""

    def __init__(self, template, parameters):
        self.resources = template["Resources"]
        self.values = {k: v.get("Default") for k, v in template.get("Parameters", {}).items()} | parameters
        self.conditions = template.get("Conditions", {})

    def chosen(self, v):
        """v without the choices in its lists, of which moto leaves NoValue."""
        if isinstance(v, list):
            out = []
            for one in v:
                if isinstance(one, dict) and "Fn::If" in one:
                    one = self.choice(one["Fn::If"])
                if one != NOTHING:
                    out.append(self.chosen(one))
            return out
        if isinstance(v, dict):
            return {k: one if k.startswith("Fn::") else self.chosen(one) for k, one in v.items()}
        return v

    def choice(self, argument):
        return argument[1] if self.resolved(self.conditions[argument[0]]) else argument[2]

    def resolved(self, v):
        if isinstance(v, list):
            return [self.resolved(one) for one in v]
        if not isinstance(v, dict):
            return v
        if len(v) == 1:
            (name, argument), = v.items()
            if name == "Ref":
                return self.values.get(argument)
            if name == "Fn::If":
                return self.resolved(self.choice(argument))
            if name == "Fn::Not":
                return not self.resolved(argument[0])
            if name == "Fn::Equals":
                return str(self.resolved(argument[0])) == str(self.resolved(argument[1]))
            if name == "Fn::Join":
                parts = self.resolved(argument[1])
                return parts if isinstance(parts, str) else argument[0].join(parts)
        return {k: self.resolved(one) for k, one in v.items()}


def declared(template):
    """Tables and layers as the template has them: moto makes them without
    TTL, recovery, keys, throughput, names and architectures."""
    tables, layers = {}, {}
    for resource in template.resources.values():
        if resource["Type"] == "AWS::DynamoDB::Table":
            p = template.resolved(resource["Properties"])
            ttl = p.get("TimeToLiveSpecification", {})
            recovery = p.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled", False)
            tables[p["TableName"]] = {
                "Keys": {k["KeyType"]: k["AttributeName"] for k in p["KeySchema"]},
                "Types": {a["AttributeName"]: a["AttributeType"] for a in p["AttributeDefinitions"]},
                "OnDemand": p["BillingMode"] == "PAY_PER_REQUEST",
                "Protected": p.get("DeletionProtectionEnabled", False),
                "TTL": ttl["AttributeName"] if ttl.get("Enabled") else "",
                "PITR": str(recovery).lower() == "true",
                "Key": (p.get("SSESpecification") or {}).get("KMSMasterKeyId", ""),
                "WriteUnits": int(p["OnDemandThroughput"]["MaxWriteRequestUnits"]),
            }
        elif resource["Type"] == "AWS::Lambda::LayerVersion":
            p = template.resolved(resource["Properties"])
            layers[p["LayerName"]] = p["CompatibleArchitectures"]
    return {"Tables": tables, "Layers": layers}


def tables():
    dynamodb = client("dynamodb")
    out = {}
    for name in dynamodb.list_tables()["TableNames"]:
        table = dynamodb.describe_table(TableName=name)["Table"]
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        out[name] = {
            "Keys": {k["KeyType"]: k["AttributeName"] for k in table["KeySchema"]},
            "Types": {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]},
            "OnDemand": table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST",
            "Protected": table["DeletionProtectionEnabled"],
            "TTL": dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"].get("AttributeName", ""),
            "PITR": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED",
            "Key": table.get("SSEDescription", {}).get("KMSMasterKeyArn", ""),
            "WriteUnits": table.get("OnDemandThroughput", {}).get("MaxWriteRequestUnits", 0),
        }
    return out


def policies():
    iam = client("iam")
    out = {}
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        out[policy["PolicyName"]] = version["PolicyVersion"]["Document"]
    for role in iam.list_roles()["Roles"]:
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            if isinstance(document, str):  # moto: a role's Policies are kept as Python writes them
                document = ast.literal_eval(document)
            out[f"{role['RoleName']}/{name}"] = document
    return out


def layers():
    found = client("lambda").list_layers()["Layers"]
    return {one["LayerName"]: one["LatestMatchingVersion"].get("CompatibleArchitectures", []) for one in found}


def outputs():
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    return {o["OutputKey"]: o.get("ExportName", "") for stack in stacks for o in stack.get("Outputs", [])}


there = {"Tables": {}, "Layers": {}}
if rest:
    there = create(rest[0], [argument.split("=", 1) for argument in rest[1:]])
found = {"Tables": tables(), "Layers": layers()}
if rest and found["Tables"].keys() != there["Tables"].keys():
    sys.exit(f"the tables {list(found['Tables'])} were created, the template has {list(there['Tables'])}")
json.dump(found | {k: v for k, v in there.items() if v} | {"Policies": policies(), "Outputs": outputs()}, sys.stdout)
