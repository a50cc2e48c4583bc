"""A Lambda function that logs and then takes its whole process down."""

import json
import os
import sys


def handler(event, context):
    name = event.get("name", "world")
    print(json.dumps({"locator": "1", "level": "INFO", "text": f"loading the picture of {name}"}))
    print(json.dumps({"locator": "2", "level": "ERROR", "text": "out of handles: the last line before the crash"}))
    sys.stdout.flush()
    os._exit(1)
