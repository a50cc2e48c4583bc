"""Logs through python-json-logger, with the names of logging's own records."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

handler_of_logs = logging.StreamHandler(sys.stdout)
handler_of_logs.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
logger = logging.getLogger("orders")
logger.setLevel(logging.INFO)
logger.addHandler(handler_of_logs)
logger.propagate = False


def handler(event, context):
    logger.info("hello %s", event["name"], extra={"order": 17})
    logger.warning("only one pear left")
    try:
        {"apples": 3}["pears"]
    except KeyError:
        logger.exception("cannot count the pears")
