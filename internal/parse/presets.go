package parse

import "github.com/logtable/logtable/internal/level"

// preset is a logger's Mapping as its users would write it, what cannot be
// written, and by what its lines are recognised.
type preset struct {
	name          string
	names         [roles]string
	numbers       level.Numbering
	signature     string
	leavesOutInfo string
	lambda        bool // it is the runtimes' envelope itself
	bare          bool // see Mapping
	signs         []sign
	alike         marks // what a line of it has at least
	numbered      bool  // and levels as numbers
}

// A sign is what an object has, beside a level and a text, that is a line of
// the logger for certain: its marks and, where these are few, what its lines
// look like.
type sign struct {
	all, none   marks
	first, last string  // the names of its first and last members
	letters     letters // of the level
	sorted      bool    // the members are in the order of their names, as Go prints a map
	errors      bool    // only errors count
}

// letters are those of a level's name.
type letters uint8

const (
	anyLetters letters = iota
	capitals
	smallLetters
	notSmall
	tens // no word, but 10, 20 … as pino has them
)

// presets are the loggers that are known by name, in the order in which their
// signs are looked for. docs/loggers.md has the same table, with the sources.
//
// This is a composite literal of constants, so that nothing has to be done for
// it when the process starts.
var presets = [...]preset{
	{
		name: "powertools",
		// .NET's own JSON names begin with capitals where it is told to.
		names: [roles]string{
			roleLocator: "location,Location,service,Service", roleLevel: "Level", roleText: "message,Message",
			roleException: "exception,error,Exception,err", roleRequestID: "FunctionRequestId,functionRequestId",
		},
		numbers: level.Python, signature: "service,Service",
		signs: []sign{{all: markService | markPowertools},
			{all: markService | markTimestamp | markMessage, first: "level,message,timestamp,service",
				letters: capitals}},
	},
	{
		name:    "bunyan",
		names:   [roles]string{roleLocator: "src,name", roleText: "msg", roleException: "err,error"},
		numbers: level.Pino,
		signs:   []sign{{all: markPID | markV}},
	},
	{
		name:    "pino",
		names:   [roles]string{roleLocator: "caller,name", roleText: "msg", roleException: "err,error"},
		numbers: level.Pino,
		signs: []sign{
			{all: markEpoch | markPID},
			{all: markTime | markPID | markMsg},
			{all: markEpoch | markAWSRequestID | markMsg},
			{all: markPID | markHostname | markMsg}, {all: markEpoch | markError, letters: tens},
			{all: markEpoch | markMsg, first: "level,time", letters: tens},
		},
		alike: markMsg, numbered: true,
	},
	{
		name: "zap",
		names: [roles]string{
			roleLocator: "caller,logger", roleText: "msg", roleException: "error,errorVerbose,stacktrace",
		},
		numbers: level.Zap,
		signs:   []sign{{all: markTs | markCaller}, {all: markTs | markStacktrace}},
		alike:   markMsg | markTs,
	},
	{
		name:    "slog",
		names:   [roles]string{roleLocator: "source,logger", roleText: "msg", roleException: "error,err"},
		numbers: level.Slog,
		signs: []sign{
			{all: markTime | markSource},
			{all: markTime | markMsg, first: "time,level,msg", letters: capitals},
		},
		alike: markMsg | markTime,
	},
	{
		name:    "zerolog",
		names:   [roles]string{roleLocator: "caller", roleText: "message", roleException: "error,stack"},
		numbers: level.Zerolog,
		signs: []sign{
			{all: markTime | markCaller | markMessage},
			{all: markEpoch | markCaller | markMessage},
			{all: markTime | markMessage, first: "level", last: "time,message", letters: smallLetters},
			{all: markEpoch | markMessage, first: "level", last: "time,message", letters: smallLetters},
		},
		alike: markMessage | markEpoch,
	},
	{
		name:  "logrus",
		names: [roles]string{roleLocator: "file,func", roleText: "msg", roleException: "error,stack"},
		signs: []sign{
			{all: markTime | markMsg | markFile},
			{all: markTime | markMsg, sorted: true, letters: smallLetters},
		},
		alike: markMsg,
	},
	{
		name: "hclog",
		names: [roles]string{
			roleLocator: "@caller,@module", roleLevel: "@level", roleText: "@message",
			roleException: "error,err,stacktrace",
		},
		signs: []sign{
			{all: markAtLevel | markAtMessage | markAtTimestamp}, {all: markAtLevel | markAtMessage | markAtModule},
		},
	},
	{
		name: "quarkus",
		names: [roles]string{
			roleLocator: "loggerName", roleText: "message", roleException: "exception,stackTrace",
			roleRequestID: "mdc.AWSRequestId",
		},
		signature: "loggerName,loggerClassName",
		signs:     []sign{{all: markSequence | markLoggerName, none: markContext}},
	},
	{
		name: "logback",
		names: [roles]string{
			roleLocator: "loggerName,logger_name,logger", roleText: "formattedMessage,message",
			roleException: "throwable,stack_trace", roleRequestID: "mdc.AWSRequestId",
		},
		signature: "loggerName,logger_name,thread",
		signs: []sign{
			{all: markSequence | markLoggerName},
			{all: markLevelValue | markLoggerName},
			{all: markThread | markLogger},
		},
	},
	{
		name: "log4j2",
		names: [roles]string{
			roleLocator: "source,loggerName,logger_name,logger,_logger", roleText: "message,short_message",
			roleException: "thrown,stack_trace,full_message", roleRequestID: "contextMap.AWSRequestId,mdc.AWSRequestId",
		},
		numbers: level.Log4j, signature: "loggerName,logger_name",
		signs: []sign{
			{all: markLoggerName | markLog4j},
			{all: markLoggerName | markAtVersion},
			{all: markHost | markShortMessage},
		},
	},
	{
		name: "serilog",
		names: [roles]string{roleLocator: "SourceContext,Properties.SourceContext", roleLevel: "@l,Level",
			roleText: "@m,@mt,RenderedMessage,MessageTemplate", roleException: "@x,Exception"},
		numbers: level.DotNet, leavesOutInfo: "@t",
		signs: []sign{{all: markT | markMT}, {all: markBigTimestamp | markBigTemplate}},
	},
	{
		name: "serilog-elasticsearch",
		names: [roles]string{
			roleLocator: "fields.SourceContext", roleText: "message,messageTemplate", roleException: "exceptions",
		},
		numbers: level.DotNet,
		signs:   []sign{{all: markAtTimestamp | markMessageTemplate}, {all: markFields | markMessageTemplate}},
	},
	{
		name:    "nlog",
		names:   [roles]string{roleLocator: "callsite,logger", roleText: "message"},
		numbers: level.DotNet, bare: true,
		signs: []sign{{all: markLongdate | markLogger}},
	},
	{
		name: "dotnet",
		names: [roles]string{
			roleLocator: "Category", roleLevel: "LogLevel", roleText: "Message", roleException: "Exception",
		},
		numbers: level.DotNet,
		signs:   []sign{{all: markEventID | markCategory}},
	},
	{
		name: "ecs",
		names: [roles]string{
			roleLocator: "log.origin.file,log.origin.function,log.logger", roleLevel: "log.level",
			roleText: "message", roleException: "error", roleRequestID: "faas.execution",
		},
		numbers: level.Syslog,
		signs:   []sign{{all: markAtTimestamp | markECS}, {all: markAtTimestamp | markLogLevel}},
	},
	{
		name: "otel",
		names: [roles]string{
			roleLocator: "attributes.code,Attributes.code," +
				"instrumentationScope.name,InstrumentationScope.Name,scope.name",
			roleLevel:     "severityText,severity_text,SeverityText,severityNumber,severity_number,SeverityNumber",
			roleText:      "body.stringValue,body,Body",
			roleException: "attributes.exception,Attributes.exception",
			roleRequestID: "attributes.faas.invocation_id,Attributes.faas.invocation_id"},
		numbers: level.OpenTelemetry,
		signs:   []sign{{all: markSeverityNumber | markBody | markTelemetry}},
	},
	{
		name: "structlog",
		names: [roles]string{
			roleLocator: "filename+lineno,func_name,logger,logger_name", roleText: "event",
			roleException: "exception,exc_info,stack",
		},
		numbers: level.Python,
		signs: []sign{
			{all: markEvent | markCallSite},
			{all: markEvent | markLogger | markTimestamp},
			{all: markEvent | markMicros, last: "event,level,timestamp", letters: smallLetters},
		},
		alike: markEvent,
	},
	{
		name: "loguru",
		names: [roles]string{
			roleLocator: "record.function,record.name", roleLevel: "record.level.name", roleText: "record.message",
			roleException: "record.exception",
			roleRequestID: "record.extra.aws_request_id,record.extra.request_id",
		},
		numbers: level.Python,
		signs:   []sign{{all: markRecord}},
	},
	{
		name: "monolog",
		names: [roles]string{
			roleLocator: "channel", roleLevel: "level_name", roleText: "message",
			roleException: "context.exception",
		},
		numbers: level.Monolog,
		signs:   []sign{{all: markLevelName | markChannel}},
	},
	{
		name: "tracing",
		names: [roles]string{
			roleLocator: "filename+line_number,target,span.name", roleText: "fields.message,message",
			roleException: "fields.error,error", roleRequestID: "span.requestId",
		},
		signature: "target,spans",
		signs: []sign{
			{all: markTimestamp | markFields | markTarget},
			{all: markFields | markSpan, letters: capitals},
			{all: markTimestamp | markMessage | markTarget | markSpan},
			{all: markMicros | markMessage | markTarget, first: "timestamp,level", letters: capitals},
		},
	},
	{
		name: "python-json-logger",
		names: [roles]string{
			roleLocator: "filename+lineno,funcName,name", roleLevel: "levelname,levelno", roleText: "message",
			roleException: "exc_info,stack_info",
		},
		numbers: level.Python, signature: "levelname,asctime,funcName,exc_info",
		signs: []sign{{all: markAsctime | markLevelname}},
		alike: markMessage | markLevelname,
	},
	{
		name:      "nestjs",
		names:     [roles]string{roleLocator: "context", roleText: "message", roleException: "stack"},
		signature: "pid",
		signs:     []sign{{all: markPID | markMillisecond}},
	},
	{
		name:      "semantic-logger",
		names:     [roles]string{roleLocator: "file+line,name", roleText: "message"},
		signature: "level_index",
		signs:     []sign{{all: markLevelIndex | markThread}, {all: markLevelIndex | markPID}},
	},
	{
		name: "tslog",
		names: [roles]string{
			roleLocator: "_logMeta.path.fileNameWithLine,_meta.path.fileNameWithLine,_logMeta.name,_meta.name",
			roleLevel:   "_meta.logLevelName", roleText: "message,0", roleException: "error",
		},
		signs: []sign{{all: markMeta | markZero}, {all: markMeta | markMessage}},
	},
	{
		name: "gcp",
		names: [roles]string{
			roleLocator: "logging.googleapis.com/sourceLocation,logger,_logger", roleLevel: "severity",
			roleText: "message,textPayload", roleException: "stack_trace,error,err",
		},
		signature: "severity",
		signs:     []sign{{all: markGoogle | markMessage}},
		alike:     markMessage | markSeverity,
	},
	{
		name: "dazn",
		names: [roles]string{
			roleLocator: "functionName", roleLevel: "sLevel", roleText: "message",
			roleException: "errorName+errorMessage+stackTrace",
		},
		numbers: level.Pino,
		signs:   []sign{{all: markSLevel | markPowertools}},
	},
	{
		name:  "winston",
		names: [roles]string{roleLocator: "logger,label", roleText: "message", roleException: "stack,error,err"},
		bare:  true,
		alike: markMessage,
	},
	{
		name: "lambda",
		names: [roles]string{
			roleLocator: "location,logger", roleText: "message",
			roleException: "errorType+errorMessage+stackTrace",
		},
		lambda: true,
		signs: []sign{
			{all: markTimestamp | markMessage | markRuntimeID, errors: true, letters: notSmall},
			{all: markTimestamp | markErrorType | markRuntimeID, errors: true},
		},
		alike: markMessage | markTimestamp | markRuntimeID,
	},
}
