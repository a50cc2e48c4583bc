"""Prints what parliament finds in policies: {NAME: DOCUMENT, …} on stdin."""
import json
import sys

from parliament import analyze_policy_string

for name, document in json.load(sys.stdin).items():
    for finding in analyze_policy_string(json.dumps(document), include_community_auditors=True).findings:
        print(f"{name}: {finding}")
