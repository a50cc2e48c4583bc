"""Fails with an exception that nobody catches."""

import json


def count(basket):
    return basket["pears"]


def handler(event, context):
    print(json.dumps({"locator": "1", "level": "INFO", "text": f"hello {event['name']}"}))
    count({"apples": 3})
