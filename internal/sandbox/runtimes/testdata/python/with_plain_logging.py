"""Logs through the standard library's logging, without a thought of Logtable."""

import logging

logging.getLogger().setLevel(logging.INFO)
logger = logging.getLogger("orders")


def handler(event, context):
    logger.info("hello %s", event["name"], extra={"order": 17})
    try:
        {"apples": 3}["pears"]
    except KeyError:
        # With an exception, Lambda's JSON says where this is.
        logger.exception("cannot count the pears")
