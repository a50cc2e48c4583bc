// Takes invocations from the Runtime API to a JavaScript handler, as Lambda does.

import { existsSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const jsonFormat = (process.env.AWS_LAMBDA_LOG_FORMAT ?? "Text").toLowerCase() === "json";

let requestId; // of the invocation that runs; undefined during init

// One request to the Runtime API; http.request knows no proxy and no time-out.
const call = (method, route, body, headers = {}) =>
  new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, method, headers, path: `/2018-06-01/runtime${route}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });

// Writes a log entry, which stays one line.
const write = (entry) => process.stdout.write(entry.replaceAll("\n", "\r") + "\n");

const logText = (level, message) =>
  write(`${new Date().toISOString()}\t${requestId}\t${level}\t${message}`);

// A lone argument that is no string goes into the entry as it is, and of the
// first error among the arguments its parts.
const logJSON = (level, args) => {
  const entry = { timestamp: new Date().toISOString(), level, requestId };
  const lone = args.length === 1 && typeof args[0] !== "string" && !(args[0] instanceof Error);
  const error = args.find((arg) => arg instanceof Error);
  const parts = error && { errorType: error.name, errorMessage: error.message, stackTrace: error.stack.split("\n") };
  try {
    write(JSON.stringify({ ...entry, message: lone ? args[0] : format(...args), ...parts }));
  } catch { // a circular object, for one
    write(JSON.stringify({ ...entry, message: format(...args) }));
  }
};

const methods = { log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", debug: "DEBUG", trace: "TRACE", fatal: "FATAL" };
for (const [method, level] of Object.entries(methods)) {
  console[method] = (...args) => (jsonFormat ? logJSON(level, args) : logText(level, format(...args)));
}

// An error that Lambda, not the handler, has a name for.
const fault = (kind, message, cause) => {
  const name = `Runtime.${kind}`;
  return Object.assign(new Error(message), { name, stack: `${name}: ${cause?.stack ?? message}` });
};

// Logs an error that the function did not catch, and tells the Runtime API.
const report = async (route, title, error) => {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const document = { errorType: name, errorMessage: message };
  const trace = stack.split("\n");
  if (jsonFormat) {
    logJSON("ERROR", [{ ...document, stackTrace: trace }]);
  } else {
    logText("ERROR", `${title} \t${JSON.stringify({ ...document, stack: trace })}`);
  }
  await call("POST", route, JSON.stringify({ ...document, trace }), { "Lambda-Runtime-Function-Error-Type": name });
};

const load = async () => {
  const root = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
  const handler = process.env._HANDLER;
  const dot = handler.lastIndexOf(".");
  if (dot < 1) {
    throw fault("MalformedHandlerName", `Bad handler: ${handler}`);
  }
  const base = path.resolve(root, handler.slice(0, dot));
  const file = [".js", ".mjs", ".cjs"].map((extension) => base + extension).find(existsSync);
  if (!file) {
    throw fault("ImportModuleError", `Error: Cannot find module '${handler.slice(0, dot)}'`);
  }
  let module;
  try {
    module = await import(pathToFileURL(file));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw fault("UserCodeSyntaxError", `SyntaxError: ${error.message}`, error);
    }
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error?.code)) {
      throw fault("ImportModuleError", `Error: ${error.message}`, error);
    }
    throw error;
  }
  const name = handler.slice(dot + 1);
  const found = module[name] ?? module.default?.[name];
  if (typeof found !== "function") {
    throw fault("HandlerNotFound", `${handler} is undefined or not exported`);
  }
  return found;
};

const context = (headers) => ({
  awsRequestId: requestId,
  callbackWaitsForEmptyEventLoop: true,
  clientContext: undefined,
  identity: undefined,
  invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
  functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
  memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
  tenantId: headers["lambda-runtime-aws-tenant-id"],
  getRemainingTimeInMillis: () => Math.max(Number(headers["lambda-runtime-deadline-ms"] ?? 0) - Date.now(), 0),
});

// A handler answers by its promise or by the callback. One that does neither,
// and has nothing left to wait for, has answered null.
let nothingLeft = () => {};
process.on("beforeExit", () => nothingLeft());

const run = (handler, event, headers) =>
  new Promise((resolve, reject) => {
    nothingLeft = () => resolve(null);
    const callback = (error, value) => (error === null || error === undefined ? resolve(value) : reject(error));
    const result = handler(event, { ...context(headers), done: callback, succeed: resolve, fail: reject }, callback);
    if (typeof result?.then === "function") {
      result.then(resolve, reject);
    }
  });

// What nobody catches ends the process.
const die = (title, code, wrap) => async (error) => {
  const route = requestId ? `/invocation/${requestId}/error` : "/init/error";
  await report(route, title, wrap(error)).catch(() => {});
  process.exit(code);
};
process.on("uncaughtException", die("Uncaught Exception", 129, (error) => error));
process.on("unhandledRejection", die("Unhandled Promise Rejection", 128,
  (error) => fault("UnhandledPromiseRejection", String(error), error)));

let handler;
try {
  handler = await load();
} catch (error) {
  await report("/init/error", "Init Error", error);
  process.exit(1);
}
for (;;) {
  const { headers, body } = await call("GET", "/invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
  try {
    const response = await run(handler, JSON.parse(body), headers);
    await call("POST", `/invocation/${requestId}/response`, JSON.stringify(response) ?? "null");
  } catch (error) {
    await report(`/invocation/${requestId}/error`, "Invoke Error", error);
  }
}
