package runtimes_test

import "slices"

// A sample is a row of the table in docs/languages.md.
type sample struct {
	language, logger string
	client           *runtimeClient
	path             string // of its source, from the repository's root
	handler          string // in the form the client wants
	fields           string // LOGTABLE_FIELDS
	only             string // the only log format in which this is supported
	streams          int    // 2: errors go another way than the rest, and may overtake it
	stdout           bool   // it prints past the runtime client, so that all variants are one
	want             []row  // of an invocation
	auto             []row  // the same with LOGTABLE_FIELDS=auto, if not as withAuto says
	uncaught         *row   // what the runtime's own report of its end is in the JSON format
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

// What the runtimes report themselves of an exception that nobody catches, in
// the JSON format.
var (
	pythonReport = row{level: "ERROR", locator: `\?`, exception: []string{"KeyError: 'pears'", "\n", "in count\n"}}
	nodeReport   = row{level: "ERROR", locator: `\?`, exception: []string{"TypeError: Cannot read", "\n", "at price"}}
	javaReport   = row{level: "ERROR", locator: `\?`,
		text: `For input string: "seven": java.lang.NumberFormatException\n.*at Unhandled.handleRequest.*`}
	dotnetReport = row{level: "ERROR", locator: `\?`,
		exception: []string{"System.FormatException", "seven", "at Orders.Function.Handler()"}}
)

// onePear is the warning of loggers' samples.
func onePear(locator string) row {
	return row{level: "WARN", locator: locator, text: "only one pear left"}
}

func in(language string) row {
	r := hello
	r.text += ", from " + language
	return r
}

var samples = slices.Concat(pythonSamples, nodeSamples, javaSamples, otherSamples)

var otherSamples = []sample{
	{language: "Go", logger: "encoding/json to os.Stdout", client: awsLambdaGo, path: "examples/go/main.go",
		want: []row{in("Go"), noGoNumber}},
	{language: "Go", logger: "log", client: awsLambdaGo, path: testdata + "go/log/main.go",
		want: []row{hello, noGoNumber}},
	{language: "Go", logger: "log/slog (JSONHandler)", client: awsLambdaGo,
		path: testdata + "go/slog/main.go", fields: "slog",
		want: []row{
			{level: "INFO", locator: "main.go:20", text: "hello " + somebody, fields: `"order":17`},
			onePear("main.go:21"),
			{level: "ERROR", locator: "main.go:23", text: "cannot count the items", exception: noGoNumber.exception}}},
	{language: "Go", logger: "zap", client: awsLambdaGo, path: testdata + "go/zap/main.go", fields: "zap",
		want: []row{
			{level: "INFO", locator: "zap/main.go:19", text: "hello " + somebody, fields: `"order":17`},
			onePear("zap/main.go:20"),
			{level: "ERROR", locator: "zap/main.go:22", text: "cannot count the items",
				exception: noGoNumber.exception}}},
	{language: "Go", logger: "zerolog", client: awsLambdaGo, path: testdata + "go/zerolog/main.go",
		fields: "zerolog",
		want: []row{
			{level: "INFO", locator: ".*zerolog/main.go:20", text: "hello " + somebody, fields: `"order":17`},
			onePear(".*zerolog/main.go:21"),
			{level: "ERROR", locator: ".*zerolog/main.go:23", text: "cannot count the items",
				exception: noGoNumber.exception}}},
	{language: "Go", logger: "logrus", client: awsLambdaGo, path: testdata + "go/logrus/main.go", fields: "logrus",
		want: []row{
			{level: "INFO", locator: `\?`, text: "hello " + somebody, fields: `"order":17`},
			onePear(`\?`),
			{level: "ERROR", locator: `\?`, text: "cannot count the items", exception: noGoNumber.exception}}},
	{language: "Go", logger: "hclog", client: awsLambdaGo, path: testdata + "go/hclog/main.go", fields: "hclog",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody, fields: `"order":17`},
			onePear("orders"),
			{level: "ERROR", locator: "orders", text: "cannot count the items", exception: noGoNumber.exception}}},
	{language: "Go", logger: "panic", client: awsLambdaGo, path: testdata + "go/unhandled/main.go",
		want: []row{hello}, dies: "platform.crash", tail: []string{"assignment to entry in nil map"}},

	{language: "Rust", logger: "println!", client: lambdaRust, path: "examples/rust/src/main.rs",
		want: []row{in("Rust"), {level: "ERROR", locator: "2", text: "cannot count the items",
			exception: []string{"ParseIntError { kind: InvalidDigit }"}}}},
	{language: "Rust", logger: "tracing (default subscriber)", client: lambdaRust,
		path: testdata + "rust/src/bin/with_tracing.rs", only: "JSON",
		fields: "tracing",
		want: []row{
			{level: "INFO", locator: "Lambda runtime invoke", text: "hello " + somebody, fields: `"order":17`},
			onePear("Lambda runtime invoke"),
			{level: "ERROR", locator: "Lambda runtime invoke", text: "cannot count the items",
				exception: []string{"invalid digit found in string"}}}},
	{language: "Rust", logger: "tracing (JSON, flattened)", client: lambdaRust,
		path:   testdata + "rust/src/bin/with_tracing_json.rs",
		fields: "tracing",
		want: []row{
			{level: "INFO", locator: "with_tracing_json", text: "hello " + somebody, fields: `"order":17`},
			onePear("with_tracing_json"),
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
	{language: "PHP", logger: "Monolog", client: phpLoop, path: testdata + "php/with_monolog.php", fields: "monolog",
		want: []row{
			{level: "INFO", locator: "orders", text: "hello " + somebody, fields: `"order":17`},
			onePear("orders"),
			{level: "ERROR", locator: "orders", text: "cannot share the items",
				exception: []string{"DivisionByZeroError", "Division by zero", "with_monolog.php:"}}}},
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
			onePear("Orders.Function"),
			{level: "ERROR", locator: "Orders.Function", text: "cannot count the items",
				exception: noDotnet.exception}}},
	{language: ".NET", logger: "Serilog (ElasticsearchJsonFormatter)", client: recorded,
		path: testdata + "dotnet/serilog-elasticsearch.txt", fields: "serilog-elasticsearch",
		want: []row{
			{level: "INFO", locator: "Orders.Function", text: "hello " + somebody, fields: `"order":17`},
			onePear("Orders.Function"),
			{level: "ERROR", locator: "Orders.Function", text: "cannot count the items",
				exception: noDotnet.exception}}},
	{language: ".NET", logger: "NLog (JsonLayout)", client: recorded,
		path: testdata + "dotnet/nlog.txt", fields: "nlog",
		want: []row{
			{level: "INFO", locator: "Orders.Function", text: "hello " + somebody, fields: `"order":17`},
			onePear("Orders.Function"),
			{level: "ERROR", locator: "Orders.Function", text: "cannot count the items",
				exception: noDotnet.exception}}},
	{language: ".NET", logger: "AddJsonConsole", client: recorded,
		path: testdata + "dotnet/jsonconsole.txt", fields: "dotnet",
		want: []row{
			{level: "INFO", locator: "Orders.Function", text: "hello " + somebody, fields: `"EventId":0`},
			onePear("Orders.Function"),
			{level: "ERROR", locator: "Orders.Function", text: "cannot count the items",
				exception: []string{"System.FormatException", "at Orders.Function.Handler()"}}}},
	{language: ".NET", logger: "unhandled exception", client: recorded, path: testdata + "dotnet/unhandled.*.txt",
		want: []row{hello}, uncaught: &dotnetReport, dies: "platform.error", tail: []string{"System.FormatException"}},
}
