package level

import "strings"

// aliases are names that common loggers print, each with the levels that it
// stands for: the first of them that is on the scale.
//
// Most of the aliases are from syslog (RFC 5424), java.util.logging, log4j,
// Python, loguru, Ruby (whose unknown prints as ANY), winston, Serilog, .NET
// (whose console formatter prints four letters), Go's zap, Rust's tracing and
// Google's Cloud Logging. This is a text, which costs the layer a kilobyte less
// than a list, and no map, as that would be made when the process starts.
const aliases = " ALL=TRACE,DEBUG SILLY=TRACE,DEBUG FINEST=TRACE,DEBUG FINER=TRACE,DEBUG TRCE=TRACE,DEBUG " +
	"TRACE=VERBOSE,DEBUG VERBOSE=TRACE,DEBUG FINE=DEBUG,TRACE DBG=DEBUG,TRACE " +
	"DBUG=DEBUG,TRACE DEBUG=TRACE,VERBOSE CONFIG=INFO,INFORMATION LOG=INFO,INFORMATION " +
	"INFO=INFORMATION INFORMATION=INFO INFORMATIONAL=INFO,INFORMATION " +
	"NOTICE=INFO,INFORMATION WARN=WARNING WARNING=WARN ERR=ERROR,SEVERE ERROR=SEVERE,ERR " +
	"FAIL=ERROR,SEVERE,ERR SEVERE=ERROR,ERR CRIT=CRITICAL,FATAL,ERROR " +
	"CRITICAL=CRIT,FATAL,ERROR DPANIC=PANIC,FATAL,CRITICAL,ERROR PANIC=FATAL,CRITICAL,ERROR " +
	"FATAL=CRITICAL,ERROR ALERT=CRITICAL,FATAL,ERROR EMERG=EMERGENCY,FATAL,CRITICAL,ERROR " +
	"EMERGENCY=EMERG,FATAL,CRITICAL,ERROR VRB=TRACE,DEBUG INF=INFO,INFORMATION " +
	"WRN=WARN,WARNING FTL=FATAL,CRITICAL,ERROR HTTP=INFO,INFORMATION " +
	"SUCCESS=INFO,INFORMATION DEFAULT=INFO,INFORMATION ANY=ERROR,SEVERE,ERR " +
	"UNKNOWN=ERROR,SEVERE,ERR"

// IsAlias reports whether a name, in any case, is among the aliases.
func IsAlias(name []byte) bool {
	if len(name) > MaxName {
		return false
	}
	upper := strings.ToUpper(string(name))
	return isName(upper) && strings.Contains(aliases, " "+upper+"=")
}
