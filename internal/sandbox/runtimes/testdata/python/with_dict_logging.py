"""Hands logging a dict, which Lambda's JSON log format keeps as it is."""

import logging
import traceback

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def handler(event, context):
    logger.info({"locator": "1", "level": "INFO", "text": f"hello {event['name']}"})
    try:
        {"apples": 3}["pears"]
    except KeyError:
        line = {"locator": "2", "level": "ERROR", "text": "cannot count the pears", "exception": traceback.format_exc()}
        logger.error(line)
