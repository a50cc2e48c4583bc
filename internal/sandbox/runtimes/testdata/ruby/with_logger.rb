# Logs JSON lines through the standard library's Logger.

require "json"
require "logger"

LOGGER = Logger.new($stdout)

def handler(event:, context:)
  LOGGER.info({locator: "1", level: "INFO", text: "hello #{event["name"]}"}.to_json)
  begin
    {"apples" => 3}.fetch("pears")
  rescue KeyError => e
    LOGGER.error({locator: "2", level: "ERROR", text: "cannot count the pears", exception: e.full_message(highlight: false)}.to_json)
  end
end
