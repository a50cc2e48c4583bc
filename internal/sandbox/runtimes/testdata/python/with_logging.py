"""Logs JSON lines through the standard library's logging, as set up by Lambda."""

import json
import logging
import traceback

logger = logging.getLogger()
logger.setLevel(logging.INFO)
logger.info(json.dumps({"locator": "0", "level": "INFO", "text": "loading"}))


def handler(event, context):
    logger.info(json.dumps({"locator": "1", "level": "INFO", "text": f"hello {event['name']}"}, ensure_ascii=False))
    try:
        {"apples": 3}["pears"]
    except KeyError:
        line = {"locator": "2", "level": "ERROR", "text": "cannot count the pears", "exception": traceback.format_exc()}
        logger.error(json.dumps(line))
