"""Logs through structlog as its documents set up production: JSON, with tracebacks as objects."""

import structlog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ]
)
logger = structlog.get_logger()


def handler(event, context):
    logger.info(f"hello {event['name']}", order=17)
    logger.warning("only one pear left")
    try:
        {"apples": 3}["pears"]
    except KeyError:
        logger.exception("cannot count the pears")
