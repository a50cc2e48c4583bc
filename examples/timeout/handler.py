"""A Lambda function that logs and then hangs until Lambda stops it."""

import json
import time


def handler(event, context):
    name = event.get("name", "world")
    print(json.dumps({"locator": "1", "level": "INFO", "text": f"asking the price service for {name}"}))
    print(json.dumps({"locator": "2", "level": "ERROR", "text": "no answer yet: the last line before the time-out"}))
    while True:
        time.sleep(60)
