# A Lambda function in Ruby that logs an informational line and an error.

require "json"

def log(locator, level, text, exception = nil)
  puts({locator:, level:, text:, exception:}.to_json)
end

def handler(event:, context:)
  name = event.fetch("name", "world")
  log("1", "INFO", "hello #{name}, from Ruby")
  begin
    {"apples" => 3}.fetch("pears")
  rescue KeyError => e
    log("2", "ERROR", "cannot count the pears", e.full_message(highlight: false))
  end
  "hello #{name}"
end
