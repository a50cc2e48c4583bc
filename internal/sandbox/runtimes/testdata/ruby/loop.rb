# Takes invocations from the Runtime API to a Ruby handler and, like AWS's
# runtime client, has Logger print the request ID.

require "json"
require "logger"
require "net/http"

$stdout.sync = true
$request_id = nil

Logger::Formatter.prepend(Module.new do
  def call(severity, time, program, message)
    stamp = time.utc.strftime("%Y-%m-%dT%H:%M:%S.%6N")
    format("%s, [%s #%d] %5s %s -- %s: %s\n", severity[0], stamp, Process.pid, severity, $request_id, program, msg2str(message))
  end
end)

host, port = ENV.fetch("AWS_LAMBDA_RUNTIME_API").split(":")
api = Net::HTTP.new(host, port.to_i, nil) # no proxy
api.read_timeout = nil
api.start
route = "/2018-06-01/runtime/invocation"
file, function = ENV.fetch("_HANDLER").split(".")
require File.join(ENV.fetch("LAMBDA_TASK_ROOT"), file)
loop do
  invocation = api.get("#{route}/next")
  $request_id = invocation["Lambda-Runtime-Aws-Request-Id"]
  begin
    response = method(function).call(event: JSON.parse(invocation.body), context: nil)
    api.post("#{route}/#{$request_id}/response", response.to_json)
  rescue => e
    fault = {errorMessage: e.message, errorType: "Function<#{e.class}>", stackTrace: e.backtrace}
    puts "Error raised from handler method", fault.to_json
    api.post("#{route}/#{$request_id}/error", fault.to_json, {"Lambda-Runtime-Function-Error-Type" => fault[:errorType]})
  end
end
