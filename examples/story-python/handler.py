"""The second of three functions that tell one story: it reserves the goods of
an order and queues the parcel for story-go.

A queue starts a new trace for whoever reads from it. So the message names the
trace, and story-go prints it. boto3 would send the message; here a plain
request does, so that the sample needs no package.
"""

import json
import os
import urllib.request


def log(locator, level, text, **fields):
    print(json.dumps({"locator": locator, "level": level, "text": text, **fields}))


def send(message):
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL_SQS"],
        json.dumps({"QueueUrl": os.environ["QUEUE_URL"], "MessageBody": json.dumps(message)}).encode(),
        {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"},
    )
    with urllib.request.urlopen(request) as response:
        response.read()


def handler(event, context):
    order, items = event["order"], 3
    log("1", "WARN", "the last pears are reserved", order=order, items=items)
    trace = dict(part.split("=", 1) for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    send({"order": order, "trace_id": trace["Root"]})
    log("2", "INFO", "parcel queued", order=order)
    return {"reserved": items}
