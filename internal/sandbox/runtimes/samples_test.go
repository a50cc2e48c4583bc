package runtimes_test

// A sample is a row of the table in docs/languages.md.
type sample struct {
	language, logger string
	client           *runtimeClient
	path             string // of its source, from the repository's root
	handler          string // in the form the client wants
	fields           string // LOGTABLE_FIELDS
	only             string // the only log format in which this is supported
	streams          int    // 2: errors go another way than the rest, and may overtake it
	want             []row  // of an invocation
	severalLines     bool   // in the Text format it logs an entry of several lines
	dies             string // the locator of the row that tells of its end
	tail             []string
}

const testdata = "internal/sandbox/runtimes/testdata/"

// Rows that several samples leave.
var (
	hello   = row{level: "INFO", locator: "1", text: "hello " + somebody}
	noPears = row{level: "ERROR", locator: "2", text: "cannot count the pears",
		exception: []string{"Traceback", "\n", "handler", "\n", "KeyError: 'pears'"}}
	noPrice = row{level: "ERROR", locator: "2", text: "cannot price the order",
		exception: []string{"TypeError: Cannot read properties of null (reading 'price')\n", "    at "}}
	noNumber = row{level: "ERROR", locator: "2", text: "cannot count the items",
		exception: []string{"NumberFormatException: For input string: \"seven\"", "\n", "at "}}
	noGoNumber = row{level: "ERROR", locator: "2", text: "cannot count the items",
		exception: []string{`strconv.Atoi: parsing "seven": invalid syntax`}}
	noRuby = row{level: "ERROR", locator: "2", text: "cannot count the pears",
		exception: []string{`key not found: "pears"`, "KeyError", "\n", "from "}}
	noShare = row{level: "ERROR", locator: "2", text: "cannot share the items",
		exception: []string{"DivisionByZeroError", "\n", "#0 "}}
	noDotnet = row{level: "ERROR", locator: "2", text: "cannot count the items",
		exception: []string{"System.FormatException", "\n", "at Orders.Function.Handler()"}}
)

func in(language string) row {
	r := hello
	r.text += ", from " + language
	return r
}

var samples = []sample{
	{language: "Python", logger: "print", client: awslambdaric, path: "examples/python/handler.py",
		handler: "handler.handler",
		want:    []row{in("Python"), noPears}},
	{language: "Python", logger: "logging", client: awslambdaric, path: testdata + "python/with_logging.py",
		handler: "with_logging.handler",
		want:    []row{{level: "INFO", locator: "0", text: "loading", init: true}, hello, noPears}},
	{language: "Python", logger: "logging of a dict", client: awslambdaric,
		path: testdata + "python/with_dict_logging.py", handler: "with_dict_logging.handler", only: "JSON",
		want: []row{hello, noPears}},
	{language: "Python", logger: "logging of plain text", client: awslambdaric,
		path: testdata + "python/with_plain_logging.py", handler: "with_plain_logging.handler",
		only: "JSON", fields: "lambda",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: ".*with_plain_logging.py:handler:15", text: "cannot count the pears",
				exception: []string{"KeyError: 'pears'", "\n", "handler"}}}},
	{language: "Python", logger: "Powertools", client: awslambdaric, path: testdata + "python/with_powertools.py",
		handler: "with_powertools.handler", fields: "powertools",
		want: []row{
			{level: "INFO", locator: `handler:10`, text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: `handler:14`, text: "cannot count the pears",
				exception: []string{"Traceback", "\n", "handler", "KeyError: 'pears'"}}}},
	{language: "Python", logger: "structlog", client: awslambdaric, path: testdata + "python/with_structlog.py",
		handler: "with_structlog.handler", fields: "locator=func_name;text=event;exception=exception",
		want: []row{
			{level: "INFO", locator: "handler", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "handler", text: "cannot count the pears",
				exception: []string{"Traceback", "\n", "handler", "KeyError: 'pears'"}}}},
	{language: "Python", logger: "OpenTelemetry logs (console exporter)", client: awslambdaric,
		path: testdata + "python/with_opentelemetry.py", handler: "with_opentelemetry.handler", fields: "otel",
		want: []row{
			{level: "INFO", locator: "with_opentelemetry.py:18", text: "hello " + somebody, fields: `"order": 17`},
			{level: "ERROR", locator: "with_opentelemetry.py:22", text: "cannot count the pears",
				exception: []string{"KeyError: pears", "Traceback", "\n", "handler"}}}},
	{language: "Python", logger: "unhandled exception", client: awslambdaric, path: testdata + "python/unhandled.py",
		handler: "unhandled.handler",
		want:    []row{hello}, severalLines: true, dies: "platform.error", tail: []string{"KeyError", "pears"}},
	{language: "Python", logger: "unhandled exception, as a row of its own", client: awslambdaric,
		path: testdata + "python/unhandled.py", handler: "unhandled.handler", streams: 2,
		only: "JSON", fields: "lambda",
		want: []row{hello, {level: "ERROR", locator: `\?`,
			exception: []string{"KeyError: 'pears'", "\n", "in count\n"}}}, dies: "platform.error",
		tail: []string{"KeyError"}},

	{language: "Node.js", logger: "console.log", client: nodeRIC, path: "examples/node/index.mjs",
		handler: "index.handler",
		want:    []row{in("Node.js"), noPrice}},
	{language: "Node.js", logger: "console.info, console.error", client: nodeRIC,
		path: testdata + "node/with_console.mjs", handler: "with_console.handler",
		want: []row{{level: "INFO", locator: "0", text: "loading", init: true}, hello, noPrice}},
	{language: "Node.js", logger: "console.log of an object", client: nodeRIC,
		path: testdata + "node/with_console_objects.mjs", handler: "with_console_objects.handler", only: "JSON",
		want: []row{hello, noPrice}},
	{language: "Node.js", logger: "Powertools", client: nodeRIC, path: testdata + "node/with_powertools.mjs",
		handler: "with_powertools.handler", fields: "powertools", streams: 2,
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "orders", text: "cannot price the order",
				exception: []string{"TypeError", "Cannot read properties of null (reading 'price')", "at "}}}},
	{language: "Node.js", logger: "pino", client: nodeRIC, path: testdata + "node/with_pino.mjs",
		handler: "with_pino.handler", fields: "pino",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "orders", text: "cannot price the order",
				exception: []string{"TypeError", "Cannot read properties of null (reading 'price')", "at "}}}},
	{language: "Node.js", logger: "winston", client: nodeRIC, path: testdata + "node/with_winston.mjs",
		handler: "with_winston.handler", fields: "locator=logger;text=message;exception=stack",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "orders", text: "cannot price the order",
				exception: []string{"TypeError", "Cannot read properties of null (reading 'price')", "at "}}}},
	{language: "Node.js", logger: "console of plain text", client: nodeRIC,
		path: testdata + "node/with_plain_console.mjs", handler: "with_plain_console.handler",
		only: "JSON", fields: "lambda",
		want: []row{
			{level: "INFO", locator: `\?`, text: "hello " + somebody},
			{level: "ERROR", locator: `\?`, text: `cannot price the order TypeError: Cannot read .*\n    at .*`,
				exception: noPrice.exception}}},
	{language: "Node.js", logger: "unhandled error", client: nodeRIC, path: testdata + "node/unhandled.mjs",
		handler: "unhandled.handler",
		want:    []row{hello}, severalLines: true, dies: "platform.error",
		tail: []string{"there is no order", "to price", "TypeError", "Cannot read properties of null"}},
	{language: "Node.js", logger: "unhandled error, as a row of its own", client: nodeRIC,
		path: testdata + "node/unhandled.mjs", handler: "unhandled.handler", only: "JSON", fields: "lambda",
		want: []row{hello, {level: "WARN", locator: `\?`, text: "there is no order\nto price"},
			{level: "ERROR", locator: `\?`, exception: []string{"TypeError: Cannot read", "\n", "at price"}}},
		dies: "platform.error", tail: []string{"TypeError"}},

	{language: "Java", logger: "System.out", client: javaRIC, path: "examples/java/Handler.java",
		handler: "Handler::handleRequest",
		want:    []row{in("Java"), noNumber}},
	{language: "Java", logger: "LambdaLogger", client: javaRIC, path: testdata + "java/WithLambdaLogger.java",
		handler: "WithLambdaLogger::handleRequest",
		want:    []row{hello, noNumber}},
	{language: "Java", logger: "Log4j 2 (LambdaAppender, LambdaLayout.json)", client: javaRIC,
		path: testdata + "java/log4j2-lambda.xml", handler: "WithLog4j2::handleRequest", fields: "lambda",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody},
			{level: "ERROR", locator: "orders", text: "cannot count the items",
				exception: []string{"NumberFormatException", "For input string: \"seven\"", "WithLog4j2"}}}},
	{language: "Java", logger: "Log4j 2 (JsonLayout.json)", client: javaRIC, path: testdata + "java/log4j2-json.xml",
		handler: "WithLog4j2::handleRequest", fields: "log4j2",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody},
			{level: "ERROR", locator: "orders", text: "cannot count the items",
				exception: []string{"NumberFormatException", "For input string: \"seven\"", "WithLog4j2"}}}},
	{language: "Java", logger: "Log4j 2 (EcsLayout.json)", client: javaRIC, path: testdata + "java/log4j2-ecs.xml",
		handler: "WithLog4j2::handleRequest", fields: "ecs",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody},
			{level: "ERROR", locator: "orders", text: "cannot count the items",
				exception: []string{"NumberFormatException", "For input string: \"seven\"", "WithLog4j2"}}}},
	{language: "Java", logger: "unhandled exception", client: javaRIC, path: testdata + "java/Unhandled.java",
		handler: "Unhandled::handleRequest",
		want:    []row{hello}, severalLines: true, dies: "platform.error", tail: []string{"NumberFormatException"}},
	{language: "Java", logger: "unhandled exception, as a row of its own", client: javaRIC,
		path: testdata + "java/Unhandled.java", handler: "Unhandled::handleRequest", streams: 2,
		only: "JSON", fields: "lambda",
		want: []row{hello, {level: "ERROR", locator: `\?`,
			text: `For input string: "seven": java.lang.NumberFormatException\n.*at Unhandled.handleRequest.*`}},
		dies: "platform.error", tail: []string{"NumberFormatException"}},

	{language: "Go", logger: "encoding/json to os.Stdout", client: awsLambdaGo, path: "examples/go/main.go",
		want: []row{in("Go"), noGoNumber}},
	{language: "Go", logger: "log", client: awsLambdaGo, path: testdata + "go/log/main.go",
		want: []row{hello, noGoNumber}},
	{language: "Go", logger: "log/slog (JSONHandler)", client: awsLambdaGo,
		path: testdata + "go/slog/main.go", fields: "slog",
		want: []row{
			{level: "INFO", locator: "main.go:20", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "main.go:22", text: "cannot count the items", exception: noGoNumber.exception}}},
	{language: "Go", logger: "zap", client: awsLambdaGo, path: testdata + "go/zap/main.go", fields: "zap",
		want: []row{
			{level: "INFO", locator: "zap/main.go:19", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "zap/main.go:21", text: "cannot count the items",
				exception: noGoNumber.exception}}},
	{language: "Go", logger: "zerolog", client: awsLambdaGo, path: testdata + "go/zerolog/main.go",
		fields: "zap;text=message",
		want: []row{
			{level: "INFO", locator: ".*zerolog/main.go:20", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: ".*zerolog/main.go:22", text: "cannot count the items",
				exception: noGoNumber.exception}}},
	{language: "Go", logger: "panic", client: awsLambdaGo, path: testdata + "go/unhandled/main.go",
		want: []row{hello}, dies: "platform.crash", tail: []string{"assignment to entry in nil map"}},

	{language: "Rust", logger: "println!", client: lambdaRust, path: "examples/rust/src/main.rs",
		want: []row{in("Rust"), {level: "ERROR", locator: "2", text: "cannot count the items",
			exception: []string{"ParseIntError { kind: InvalidDigit }"}}}},
	{language: "Rust", logger: "tracing (default subscriber)", client: lambdaRust,
		path: testdata + "rust/src/bin/with_tracing.rs", only: "JSON",
		fields: "text=fields.message;locator=span.name;exception=fields.error;request_id=span.requestId",
		want: []row{
			{level: "INFO", locator: "Lambda runtime invoke", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "Lambda runtime invoke", text: "cannot count the items",
				exception: []string{"invalid digit found in string"}}}},
	{language: "Rust", logger: "tracing (JSON, flattened)", client: lambdaRust,
		path:   testdata + "rust/src/bin/with_tracing_json.rs",
		fields: "text=message;locator=target;exception=error;request_id=span.requestId",
		want: []row{
			{level: "INFO", locator: "with_tracing_json", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "with_tracing_json", text: "cannot count the items",
				exception: []string{"invalid digit found in string"}}}},
	{language: "Rust", logger: "panic", client: lambdaRust, path: testdata + "rust/src/bin/unhandled.rs",
		want: []row{hello}, dies: "platform.error", tail: []string{"panicked at"}},

	{language: "Ruby", logger: "puts", client: rubyLoop, path: "examples/ruby/handler.rb", handler: "handler.handler",
		want: []row{in("Ruby"), noRuby}},
	{language: "Ruby", logger: "Logger", client: rubyLoop, path: testdata + "ruby/with_logger.rb",
		handler: "with_logger.handler",
		want:    []row{hello, noRuby}},
	{language: "Ruby", logger: "unhandled exception", client: rubyLoop, path: testdata + "ruby/unhandled.rb",
		handler: "unhandled.handler",
		want:    []row{hello}, dies: "platform.error", tail: []string{"KeyError"}},

	{language: "PHP", logger: "php://stdout", client: phpLoop, path: "examples/php/handler.php",
		want: []row{in("PHP"), noShare}},
	{language: "PHP", logger: "error_log", client: phpLoop, path: testdata + "php/with_error_log.php",
		want: []row{hello, noShare}},
	{language: "PHP", logger: "unhandled exception", client: phpLoop, path: testdata + "php/unhandled.php",
		want: []row{hello}, dies: "platform.error", tail: []string{"DivisionByZeroError"}},

	{language: "bash", logger: "printf", client: bashLoop, path: "examples/bash/bootstrap",
		want: []row{in("bash"), {level: "ERROR", locator: "2", text: "cannot list the order",
			exception: []string{"No such file or directory"}}}},

	{language: ".NET", logger: "Console.WriteLine", client: recorded, path: testdata + "dotnet/console.*.txt",
		want: []row{hello, noDotnet}},
	{language: ".NET", logger: "ILambdaLogger", client: recorded, path: testdata + "dotnet/lambdalogger.*.txt",
		only: "JSON", fields: "lambda",
		want: []row{
			{level: "INFO", locator: `\?`, text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: `\?`, text: "cannot count the items",
				exception: []string{"System.FormatException", "seven", "at Orders.Function.Handler()"}}}},
	{language: ".NET", logger: "Serilog (RenderedCompactJsonFormatter)", client: recorded,
		path: testdata + "dotnet/serilog.txt", fields: "serilog",
		want: []row{
			{level: "INFO", locator: "Orders.Function", text: "hello " + somebody, fields: `"order":17`},
			{level: "ERROR", locator: "Orders.Function", text: "cannot count the items",
				exception: noDotnet.exception}}},
	{language: ".NET", logger: "unhandled exception", client: recorded, path: testdata + "dotnet/unhandled.*.txt",
		want: []row{hello}, dies: "platform.error", tail: []string{"System.FormatException"}},
}
