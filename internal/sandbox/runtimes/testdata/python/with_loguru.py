"""Logs through loguru, serialized as JSON."""

import sys

from loguru import logger

logger.remove()
logger.add(sys.stdout, serialize=True)


def handler(event, context):
    logger.info("hello {}", event["name"], order=17)
    logger.warning("only one pear left")
    try:
        {"apples": 3}["pears"]
    except KeyError:
        logger.exception("cannot count the pears")
