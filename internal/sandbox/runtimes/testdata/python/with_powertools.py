"""Logs through Powertools, without a thought of Logtable."""

from aws_lambda_powertools import Logger

logger = Logger(service="orders")


@logger.inject_lambda_context
def handler(event, context):
    logger.info(f"hello {event['name']}", extra={"order": 17})
    logger.warning("only one pear left")
    try:
        {"apples": 3}["pears"]
    except KeyError:
        logger.exception("cannot count the pears")
