"""Logs through logging and Elastic's formatter of its Common Schema."""

import logging
import sys

import ecs_logging

handler_of_logs = logging.StreamHandler(sys.stdout)
handler_of_logs.setFormatter(ecs_logging.StdlibFormatter())
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
