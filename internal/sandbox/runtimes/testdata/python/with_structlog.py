"""Logs through structlog, rendered as JSON."""

import structlog

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.CallsiteParameterAdder([structlog.processors.CallsiteParameter.FUNC_NAME]),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
)
logger = structlog.get_logger()


def handler(event, context):
    logger.info(f"hello {event['name']}", order=17, requestId=context.aws_request_id)
    logger.warning("only one pear left", requestId=context.aws_request_id)
    try:
        {"apples": 3}["pears"]
    except KeyError:
        logger.exception("cannot count the pears", requestId=context.aws_request_id)
