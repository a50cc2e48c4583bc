"""A Lambda function in Python that has people told of what must not wait.

Every record from ALARM on is published to LOGTABLE_ALERT_TOPIC_ARNS. Locator 7
asks for more by itself, which LOGTABLE_ALERT_ALLOW must allow.
"""

import json
import os
import traceback


def log(locator, level, text, **more):
    print(json.dumps({"locator": locator, "level": level, "text": text, **more}))


def handler(event, context):
    log("2", "INFO", "taking stock")
    try:
        {"apples": 3}["pears"]
    except KeyError:
        log("5", "ERROR", "cannot count the pears", exception=traceback.format_exc())
    log(
        "7", "ALARM", "the store is nearly empty",
        alert=[
            {"channel": "sns", "topic_arns": [os.environ["STORE_TOPIC"]], "message": "3 apples left: order some"},
            {"channel": "pigeon", "topic_arns": [os.environ["STORE_TOPIC"]], "message": "this one is refused"},
        ],
    )
    return "done"
