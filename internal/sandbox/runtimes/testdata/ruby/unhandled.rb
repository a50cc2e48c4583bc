# Fails with an exception that nobody rescues.

require "json"

def handler(event:, context:)
  puts({locator: "1", level: "INFO", text: "hello #{event["name"]}"}.to_json)
  {"apples" => 3}.fetch("pears")
end
