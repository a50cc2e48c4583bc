package lambda

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// maxCustomerEnv is Lambda's limit on all of a function's variables together.
const maxCustomerEnv = 4 << 10

// reservedNames are the variables Lambda sets and lets nobody configure
// ("Defined runtime environment variables").
var reservedNames = map[string]bool{
	"AWS_ACCESS_KEY":                  true,
	"AWS_ACCESS_KEY_ID":               true,
	"AWS_DEFAULT_REGION":              true,
	"AWS_EXECUTION_ENV":               true,
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true,
	"AWS_LAMBDA_FUNCTION_NAME":        true,
	"AWS_LAMBDA_FUNCTION_VERSION":     true,
	"AWS_LAMBDA_INITIALIZATION_TYPE":  true,
	"AWS_LAMBDA_LOG_GROUP_NAME":       true,
	"AWS_LAMBDA_LOG_STREAM_NAME":      true,
	"AWS_LAMBDA_RUNTIME_API":          true,
	"AWS_REGION":                      true,
	"AWS_SECRET_ACCESS_KEY":           true,
	"AWS_SESSION_TOKEN":               true,
	"LAMBDA_RUNTIME_DIR":              true,
	"LAMBDA_TASK_ROOT":                true,
}

func checkCustomerEnv(env map[string]string) error {
	size := 0
	for name, value := range env {
		size += len(name) + len(value)
		if reservedNames[name] {
			return fmt.Errorf("cannot set %s: Lambda reserves it", name)
		}
		if name == "" || !isLetter(name[0]) {
			return fmt.Errorf("cannot set %q: a variable's name starts with a letter", name)
		}
	}
	if size > maxCustomerEnv {
		return fmt.Errorf("cannot set %d bytes of variables: Lambda allows %d", size, maxCustomerEnv)
	}
	return nil
}

// Reserved reports whether Lambda lets nobody configure a variable of this
// name.
func Reserved(name string) bool { return reservedNames[name] }

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// commonEnv is what both processes get. Nothing is inherited from this
// process but PATH, without which a laptop finds no language.
func (c Config) commonEnv(runtimeAPI string) map[string]string {
	env := map[string]string{
		"PATH":                            os.Getenv("PATH"),
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"AWS_REGION":                      c.Region,
		"AWS_DEFAULT_REGION":              c.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        c.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION":     c.FunctionVersion,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  c.InitializationType,
		"AWS_LAMBDA_RUNTIME_API":          runtimeAPI,
		"AWS_ACCESS_KEY_ID":               "SANDBOXACCESSKEY0000",
		"AWS_SECRET_ACCESS_KEY":           "sandbox-secret-key-not-a-real-one-000000",
		"AWS_SESSION_TOKEN":               "sandbox-session-token",
	}
	for name, value := range c.Env {
		env[name] = value
	}
	return env
}

// extensionEnv is the extension's environment. Handler, log group and stream,
// task root, trace ID, log format and concurrency are the runtime's only.
func (in *instance) extensionEnv() []string {
	c := in.env.cfg
	env := c.commonEnv(in.address)
	in.credentialsEnv(env)
	for name, value := range c.ExtensionEnv {
		env[name] = value
	}
	return environList(env)
}

func (in *instance) functionEnv(logStream string) []string {
	c := in.env.cfg
	env := c.commonEnv(in.address)
	in.credentialsEnv(env)
	if c.managed() {
		env["AWS_LAMBDA_MAX_CONCURRENCY"] = strconv.Itoa(c.Concurrency)
	}
	env["_HANDLER"] = c.Handler
	env["LAMBDA_TASK_ROOT"] = c.Dir
	env["AWS_EXECUTION_ENV"] = "AWS_Lambda_sandbox"
	env["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + c.FunctionName
	env["AWS_LAMBDA_LOG_STREAM_NAME"] = logStream
	env["AWS_LAMBDA_LOG_FORMAT"] = c.LogFormat
	for name, value := range c.FunctionEnv {
		env[name] = value
	}
	return environList(env)
}

func environList(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for name, value := range env {
		if strings.ContainsAny(name, "=\x00") {
			continue
		}
		list = append(list, name+"="+value)
	}
	sort.Strings(list)
	return list
}
