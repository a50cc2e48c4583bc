package runtimes_test

// A sample is a row of README's table of languages.
type sample struct {
	language, logger string
	client           *runtimeClient
	path             string // of its source, from the repository's root
	handler          string // in the form the client wants
	fields           string // LOGTABLE_FIELDS
	only             string // the only log format in which this is supported
	want             []row  // of an invocation
	dies             string // the locator of the row that tells of its end
	tail             []string
}

const testdata = "internal/sandbox/runtimes/testdata/"

// Rows that several samples leave.
var (
	hello      = row{level: "INFO", locator: "1", text: "hello " + somebody}
	noPears    = row{level: "ERROR", locator: "2", text: "cannot count the pears", exception: []string{"Traceback", "\n", "handler", "\n", "KeyError: 'pears'"}}
	noPrice    = row{level: "ERROR", locator: "2", text: "cannot price the order", exception: []string{"TypeError: Cannot read properties of null (reading 'price')\n", "    at "}}
	noNumber   = row{level: "ERROR", locator: "2", text: "cannot count the items", exception: []string{"NumberFormatException: For input string: \"seven\"", "\n", "at "}}
	noGoNumber = row{level: "ERROR", locator: "2", text: "cannot count the items", exception: []string{`strconv.Atoi: parsing "seven": invalid syntax`}}
	noRuby     = row{level: "ERROR", locator: "2", text: "cannot count the pears", exception: []string{`key not found: "pears"`, "KeyError", "\n", "from "}}
	noShare    = row{level: "ERROR", locator: "2", text: "cannot share the items", exception: []string{"DivisionByZeroError", "\n", "#0 "}}
	noDotnet   = row{level: "ERROR", locator: "2", text: "cannot count the items", exception: []string{"System.FormatException", "\n", "at Orders.Function.Handler()"}}
)

func in(language string) row {
	r := hello
	r.text += ", from " + language
	return r
}

var samples = []sample{
	{language: "Python", logger: "print", client: awslambdaric, path: "examples/python/handler.py", handler: "handler.handler",
		want: []row{in("Python"), noPears}},
	{language: "Python", logger: "logging", client: awslambdaric, path: testdata + "python/with_logging.py", handler: "with_logging.handler",
		want: []row{{level: "INFO", locator: "0", text: "loading", init: true}, hello, noPears}},
	{language: "Python", logger: "unhandled exception", client: awslambdaric, path: testdata + "python/unhandled.py", handler: "unhandled.handler",
		want: []row{hello}, dies: "platform.error", tail: []string{"KeyError", "pears"}},

	{language: "Node.js", logger: "console.log", client: nodeRIC, path: "examples/node/index.mjs", handler: "index.handler",
		want: []row{in("Node.js"), noPrice}},
	{language: "Node.js", logger: "console.info, console.error", client: nodeRIC, path: testdata + "node/with_console.mjs", handler: "with_console.handler",
		want: []row{{level: "INFO", locator: "0", text: "loading", init: true}, hello, noPrice}},
	{language: "Node.js", logger: "unhandled error", client: nodeRIC, path: testdata + "node/unhandled.mjs", handler: "unhandled.handler",
		want: []row{hello}, dies: "platform.error", tail: []string{"TypeError", "Cannot read properties of null"}},

	{language: "Java", logger: "System.out", client: javaRIC, path: "examples/java/Handler.java", handler: "Handler::handleRequest",
		want: []row{in("Java"), noNumber}},
	{language: "Java", logger: "LambdaLogger", client: javaRIC, path: testdata + "java/WithLambdaLogger.java", handler: "WithLambdaLogger::handleRequest",
		want: []row{hello, noNumber}},
	{language: "Java", logger: "unhandled exception", client: javaRIC, path: testdata + "java/Unhandled.java", handler: "Unhandled::handleRequest",
		want: []row{hello}, dies: "platform.error", tail: []string{"NumberFormatException"}},

	{language: "Go", logger: "encoding/json to os.Stdout", client: awsLambdaGo, path: "examples/go/main.go",
		want: []row{in("Go"), noGoNumber}},
	{language: "Go", logger: "log", client: awsLambdaGo, path: testdata + "go/log/main.go",
		want: []row{hello, noGoNumber}},
	{language: "Go", logger: "panic", client: awsLambdaGo, path: testdata + "go/unhandled/main.go",
		want: []row{hello}, dies: "platform.crash", tail: []string{"assignment to entry in nil map"}},

	{language: "Rust", logger: "println!", client: lambdaRust, path: "examples/rust/src/main.rs",
		want: []row{in("Rust"), {level: "ERROR", locator: "2", text: "cannot count the items", exception: []string{"ParseIntError { kind: InvalidDigit }"}}}},
	{language: "Rust", logger: "panic", client: lambdaRust, path: testdata + "rust/src/bin/unhandled.rs",
		want: []row{hello}, dies: "platform.error", tail: []string{"panicked at"}},

	{language: "Ruby", logger: "puts", client: rubyLoop, path: "examples/ruby/handler.rb", handler: "handler.handler",
		want: []row{in("Ruby"), noRuby}},
	{language: "Ruby", logger: "Logger", client: rubyLoop, path: testdata + "ruby/with_logger.rb", handler: "with_logger.handler",
		want: []row{hello, noRuby}},
	{language: "Ruby", logger: "unhandled exception", client: rubyLoop, path: testdata + "ruby/unhandled.rb", handler: "unhandled.handler",
		want: []row{hello}, dies: "platform.error", tail: []string{"KeyError"}},

	{language: "PHP", logger: "php://stdout", client: phpLoop, path: "examples/php/handler.php",
		want: []row{in("PHP"), noShare}},
	{language: "PHP", logger: "error_log", client: phpLoop, path: testdata + "php/with_error_log.php",
		want: []row{hello, noShare}},
	{language: "PHP", logger: "unhandled exception", client: phpLoop, path: testdata + "php/unhandled.php",
		want: []row{hello}, dies: "platform.error", tail: []string{"DivisionByZeroError"}},

	{language: "bash", logger: "printf", client: bashLoop, path: "examples/bash/bootstrap",
		want: []row{in("bash"), {level: "ERROR", locator: "2", text: "cannot list the order", exception: []string{"No such file or directory"}}}},

	{language: ".NET", logger: "Console.WriteLine", client: recorded, path: testdata + "dotnet/console.*.txt",
		want: []row{hello, noDotnet}},
	{language: ".NET", logger: "unhandled exception", client: recorded, path: testdata + "dotnet/unhandled.*.txt",
		want: []row{hello}, dies: "platform.error", tail: []string{"System.FormatException"}},
}
