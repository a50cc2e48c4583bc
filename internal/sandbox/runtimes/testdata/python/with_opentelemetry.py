"""Logs through OpenTelemetry's handler of logging and its exporter to stdout."""

import logging

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, SimpleLogRecordProcessor

provider = LoggerProvider()
one_line = ConsoleLogRecordExporter(formatter=lambda record: record.to_json(indent=None) + "\n")
provider.add_log_record_processor(SimpleLogRecordProcessor(one_line))
logger = logging.getLogger("orders")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=provider))
logger.propagate = False


def handler(event, context):
    logger.info("hello %s", event["name"], extra={"order": 17})
    logger.warning("only one pear left")
    try:
        {"apples": 3}["pears"]
    except KeyError:
        logger.exception("cannot count the pears")
