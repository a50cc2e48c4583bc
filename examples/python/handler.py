"""A Lambda function in Python that logs an informational line and an error."""

import json
import traceback


def log(locator, level, text, exception=None):
    print(json.dumps({"locator": locator, "level": level, "text": text, "exception": exception}))


def handler(event, context):
    name = event.get("name", "world")
    log("1", "INFO", f"hello {name}, from Python")
    try:
        {"apples": 3}["pears"]
    except KeyError:
        log("2", "ERROR", "cannot count the pears", traceback.format_exc())
    return f"hello {name}"
