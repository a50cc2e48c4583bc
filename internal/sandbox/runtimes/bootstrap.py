"""Takes invocations from the Runtime API to a Python handler, as Lambda does."""

import decimal
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
RUNTIME = "/2018-06-01/runtime"
JSON_FORMAT = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text").lower() == "json"

request_id = ""  # of the invocation that runs; empty during init


def call(method, path, body=None, headers=None):
    """One request to the Runtime API; it never goes through a proxy."""
    connection = http.client.HTTPConnection(API)
    try:
        connection.request(method, RUNTIME + path, body, headers or {})
        response = connection.getresponse()
        return response.headers, response.read()
    finally:
        connection.close()


def write(entry):
    """Writes a log entry, which stays one line."""
    sys.stdout.write(entry.replace("\n", "\r") + "\n")
    sys.stdout.flush()


def stamp(when, millis):
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when))
    return f"{text}.{int(when % 1 * 1000):03d}Z" if millis else text + "Z"


# What every logging record has; the rest was given as extra.
ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message"}


class Handler(logging.Handler):
    """What the root logger has in Lambda."""

    def emit(self, record):
        if JSON_FORMAT:
            write(json.dumps(self.entry(record), default=str))
            return
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        write(f"[{record.levelname}]\t{stamp(record.created, True)}\t{request_id}\t{message}")

    def entry(self, record):
        lone_dict = isinstance(record.msg, dict) and not record.args
        entry = {
            "timestamp": stamp(record.created, False),
            "level": record.levelname,
            "message": record.msg if lone_dict else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            kind, error, trace = record.exc_info
            entry["stackTrace"] = traceback.format_tb(trace)
            entry["errorType"] = kind.__name__
            entry["errorMessage"] = str(error)
        if request_id:
            entry["requestId"] = request_id
        if record.exc_info:
            entry["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        entry.update((name, value) for name, value in vars(record).items() if name not in ORDINARY)
        return entry


class Identity:
    """That of Cognito, which is never there."""

    cognito_identity_id = cognito_identity_pool_id = None


class Context:
    """What the handler is given beside the event."""

    client_context = None
    identity = Identity()

    def __init__(self, headers):
        env = os.environ.get
        self.aws_request_id = request_id
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        self._deadline = int(headers.get("Lambda-Runtime-Deadline-Ms") or 0)

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, text):
        sys.stdout.write(str(text))


class Fault(Exception):
    """An error that Lambda, not the handler, has a name for."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = "Runtime." + kind


def report(path, error):
    """Logs an error that the function did not catch, and tells the Runtime API."""
    if isinstance(error, Fault):
        name, header, stack = error.kind, error.kind, []
    else:
        name = type(error).__name__
        header = f"Function.{name}"
        # The first frame is this file's own.
        stack = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
    fault = {"errorMessage": str(error), "errorType": name, "requestId": request_id, "stackTrace": stack}
    if JSON_FORMAT:
        write(json.dumps({"timestamp": stamp(time.time(), False), "level": "ERROR", **fault}))
    else:
        write(f"[ERROR] {name}: {error}\nTraceback (most recent call last):\n{''.join(stack).rstrip()}")
    call("POST", path, json.dumps(fault), {"Lambda-Runtime-Function-Error-Type": header})


def load():
    sys.dont_write_bytecode = True  # Lambda's task root is read-only
    root = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    sys.path.insert(0, root)
    handler = os.environ["_HANDLER"]
    name, dot, function = handler.rpartition(".")
    if not dot:
        raise Fault("MalformedHandlerName", f"Bad handler '{handler}': write it as module.function")
    try:
        module = importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault("ImportModuleError", f"Unable to import module '{name}': {error}") from error
    except SyntaxError as error:
        raise Fault("UserCodeSyntaxError", f"Syntax error in module '{name}': {error}") from error
    try:
        return getattr(module, function)
    except AttributeError as error:
        raise Fault("HandlerNotFound", f"Handler '{function}' missing on module '{name}'") from error


def number(value):
    """What JSON has no form for, but Lambda's client has."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def marshal(response):
    try:
        return json.dumps(response, default=number)
    except (TypeError, ValueError) as error:
        raise Fault("MarshalError", f"Unable to marshal response: {error}") from error


def main():
    global request_id
    logging.root.addHandler(Handler())
    try:
        handler = load()
    except Exception as error:
        report("/init/error", error)
        sys.exit(1)
    while True:
        headers, event = call("GET", "/invocation/next")
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        try:
            response = marshal(handler(json.loads(event), Context(headers)))
        except Exception as error:
            report(f"/invocation/{request_id}/error", error)
        else:
            call("POST", f"/invocation/{request_id}/response", response)


if __name__ == "__main__":
    main()
