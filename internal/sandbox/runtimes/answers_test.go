package runtimes

import (
	"encoding/json"
	"strings"
	"testing"
)

// What handlers of all forms answer, and how Lambda names what is wrong with
// them.
func TestAnswers(t *testing.T) {
	const (
		responds = "/invocation/" + requestID + "/response"
		fails    = "/invocation/" + requestID + "/error"
		initFail = "/init/error"

		callback = "exports.handler = (event, context, callback) => { setTimeout(() => callback(%), 5); };"
		succeeds = "exports.handler = (event, context) => context.succeed(context.awsRequestId);"
		never    = "export const handler = () => new Promise(() => {});"
		rejects  = "export const handler = async () => { Promise.reject(new Error('no')); " +
			"await new Promise((r) => setTimeout(r, 99999)); };"
	)
	for name, tt := range map[string]struct {
		file, source string
		handler      string // "" for that of the file's name
		path, answer string // the answer's error type where path ends in error
	}{
		"Python decimal": {"app.py",
			"from decimal import Decimal\ndef handler(event, context):\n    return {'n': Decimal('1.5')}\n", "",
			responds, `{"n": 1.5}`},
		"Python context": {"app.py", "def handler(event, context):\n    return [context.aws_request_id, " +
			"context.identity.cognito_identity_id, context.client_context, context.tenant_id]\n", "",
			responds, `["` + requestID + `", null, null, null]`},
		"Python coroutine": {"app.py", "async def handler(event, context):\n    return 1\n", "",
			fails, "Runtime.MarshalError"},
		"Python folder": {"app.py", "def handler(event, context): pass\n", "lib/app.handler",
			initFail, "Runtime.ImportModuleError"},
		"Python import": {"app.py", "import nowhere_to_be_found\n", "", initFail, "Runtime.ImportModuleError"},
		"Python syntax": {"app.py", "def handler(:\n", "", initFail, "Runtime.UserCodeSyntaxError"},
		"Python name": {"app.py", "def handle(event, context): pass\n", "",
			initFail, "Runtime.HandlerNotFound"},
		"Python no dot": {"app.py", "", "app", initFail, "Runtime.MalformedHandlerName"},

		"callback": {"app.cjs", strings.Replace(callback, "%", `null, {n: 1}`, 1), "", responds, `{"n":1}`},
		"callback's error": {"app.js", strings.Replace(callback, "%", `new RangeError("no")`, 1), "",
			fails, "RangeError"},
		"context.succeed":           {"app.cjs", succeeds, "", responds, `"` + requestID + `"`},
		"returns without a promise": {"app.cjs", "exports.handler = () => 5;", "", responds, "null"},
		"never settles":             {"app.mjs", never, "", responds, "null"},
		"undefined":                 {"app.mjs", "export const handler = async () => {};", "", responds, "null"},
		"exports anew": {"app.cjs", "const f = async () => 1; module.exports = { ['hand' + 'ler']: f };", "",
			responds, "1"},
		"top-level await": {"app.mjs",
			"const n = await Promise.resolve(2); export const handler = async () => n;", "", responds, "2"},
		"rejection": {"app.mjs", rejects, "", fails, "Runtime.UnhandledPromiseRejection"},
		"exception": {"app.mjs",
			"export const handler = () => { setTimeout(() => { throw new TypeError('no'); }, 1); };",
			"", fails, "TypeError"},
		"no file":      {"app.mjs", "", "other.handler", initFail, "Runtime.ImportModuleError"},
		"no package":   {"app.mjs", "import 'nowhere-to-be-found';", "", initFail, "Runtime.ImportModuleError"},
		"required":     {"app.cjs", "require('nowhere-to-be-found');", "", initFail, "Runtime.ImportModuleError"},
		"syntax":       {"app.mjs", "export const handler = (;", "", initFail, "Runtime.UserCodeSyntaxError"},
		"no such name": {"app.mjs", "export const handle = 1;", "", initFail, "Runtime.HandlerNotFound"},
		"no function":  {"app.cjs", "exports.handler = 1;", "", initFail, "Runtime.HandlerNotFound"},
		"no dot":       {"app.mjs", "", "app", initFail, "Runtime.MalformedHandlerName"},
	} {
		t.Run(name, func(t *testing.T) {
			language := "node"
			if strings.HasSuffix(tt.file, ".py") {
				language = "python3"
			}
			argv, env := command(t, language), handler(t, tt.file, tt.source)
			if tt.handler != "" {
				env = append(env, "_HANDLER="+tt.handler)
			}
			got, output := invoke(t, argv, `{}`, env...)
			answer := got.body
			if strings.HasSuffix(tt.path, "error") {
				var fault struct{ ErrorType string }
				if err := json.Unmarshal([]byte(got.body), &fault); err != nil {
					t.Error(err)
				}
				if answer = fault.ErrorType; !strings.Contains(output, answer) {
					t.Errorf("%s is not in what was printed: %s", answer, output)
				}
			}
			if got.path != tt.path || answer != tt.answer {
				t.Errorf("%s to %s, want %s to %s; printed: %s", got.body, got.path, tt.answer, tt.path, output)
			}
		})
	}
}
