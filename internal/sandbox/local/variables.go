package local

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/sandbox/lambda"
)

// Variables is what a function and its extensions have in their environment
// besides what Lambda sets and PATH.
type Variables struct {
	// Dotenv is the path of a .env file, which need not be there.
	Dotenv string
	// Set are NAME=value, which win over the file.
	Set []string
	// Pass are names of variables of this process.
	Pass []string
}

// credentials are the variables that only make sense together.
var credentials = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// Put fills in the variables of cfg. left are the names in the file that Lambda
// does not let anybody set; they are left out, because such files serve other
// programs, too.
func (v Variables) Put(cfg *lambda.Config, lookup func(string) (string, bool)) (left []string, err error) {
	env := map[string]string{}
	text, err := os.ReadFile(v.Dotenv)
	if err == nil {
		env, err = ParseDotenv(string(text))
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("cannot read %s: %w", v.Dotenv, err)
	}
	for name := range env {
		if refused(name) {
			left = append(left, name)
			delete(env, name)
		}
	}
	if err := v.set(env); err != nil {
		return nil, err
	}
	override, err := v.pass(env, lookup)
	if err != nil {
		return nil, err
	}
	if home, ok := lookup("HOME"); ok && env["HOME"] == "" {
		override["HOME"] = home
	}
	cfg.Env = env
	cfg.FunctionEnv, cfg.ExtensionEnv = override, maps.Clone(override)
	slices.Sort(left)
	return left, nil
}

func (v Variables) set(env map[string]string) error {
	for _, pair := range v.Set {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || name == "":
			return fmt.Errorf("-e %q is not NAME=value", pair)
		case refused(name):
			return fmt.Errorf("-e %s: Lambda lets nobody set a variable of this name; --pass-env passes on your own",
				name)
		}
		env[name] = value
	}
	return nil
}

// pass fills in what is passed on. override is what replaces Lambda's own.
func (v Variables) pass(
	env map[string]string, lookup func(string) (string, bool),
) (override map[string]string, err error) {
	override = map[string]string{}
	for _, name := range v.Pass {
		value, ok := lookup(name)
		switch {
		case !ok:
			return nil, fmt.Errorf("--pass-env %s: there is no such variable here; set it, or leave this out", name)
		case refused(name):
			override[name] = value
		default:
			env[name] = value
		}
	}
	if slices.ContainsFunc(v.Pass, func(name string) bool { return slices.Contains(credentials, name) }) {
		for _, name := range credentials { // a token of ours would spoil keys of theirs
			if _, passed := override[name]; !passed {
				override[name] = ""
			}
		}
	}
	return override, nil
}

// refused reports whether Lambda would not have a variable of this name
// configured.
func refused(name string) bool {
	first := name[0] | 0x20
	return lambda.Reserved(name) || first < 'a' || first > 'z'
}

// Name makes a function's name of a directory's: letters, digits, - and _, at
// most 64.
func Name(dir string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, filepath.Base(dir))
	if len(name) > 64 {
		name = name[:64]
	}
	if strings.Trim(name, "-") == "" {
		return "function"
	}
	return name
}
