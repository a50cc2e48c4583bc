package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/lambda"
)

// somewhere is the environment of a shell.
func somewhere(name string) (string, bool) {
	value, ok := map[string]string{
		"HOME": "/home/ann", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1",
		"STAGE": "test", "EMPTY": "",
	}[name]
	return value, ok
}

func TestVariables(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	text := "A=file\nB=file\nAWS_REGION=eu-north-1\nAWS_SECRET_ACCESS_KEY=x\n_C=1\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	noToken := map[string]string{
		"HOME": "/home/ann", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
	}
	for name, tc := range map[string]struct {
		v          Variables
		env, other map[string]string
		left       []string
	}{
		"nothing": {Variables{Dotenv: file + "x"}, map[string]string{}, map[string]string{"HOME": "/home/ann"}, nil},
		"a file and a flag": {
			Variables{Dotenv: file, Set: []string{"B=flag", "D=a=b"}},
			map[string]string{"A": "file", "B": "flag", "D": "a=b"}, map[string]string{"HOME": "/home/ann"},
			[]string{"AWS_REGION", "AWS_SECRET_ACCESS_KEY", "_C"},
		},
		"passed on": {
			Variables{Pass: []string{"STAGE", "EMPTY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}},
			map[string]string{"STAGE": "test", "EMPTY": ""}, noToken, nil,
		},
		"a home": {
			Variables{Set: []string{"HOME=/tmp"}},
			map[string]string{"HOME": "/tmp"}, map[string]string{}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var cfg lambda.Config
			left, err := tc.v.Put(&cfg, somewhere)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]any{tc.env, tc.other, tc.other, tc.left},
				[]any{cfg.Env, cfg.FunctionEnv, cfg.ExtensionEnv, left}); d != "" {
				t.Error(d)
			}
		})
	}
	for want, v := range map[string]Variables{
		"-e \"A\" is not NAME=value":              {Set: []string{"A"}},
		"-e \"=1\" is not NAME=value":             {Set: []string{"=1"}},
		"Lambda lets nobody set a variable":       {Set: []string{"AWS_REGION=x"}},
		"--pass-env NOPE: there is no such":       {Pass: []string{"NOPE"}},
		"cannot read " + file + "2: line 1 is":    {Dotenv: file + "2"},
		"cannot read " + filepath.Dir(file) + ":": {Dotenv: filepath.Dir(file)},
	} {
		if err := os.WriteFile(file+"2", []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Put(new(lambda.Config), somewhere); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", v, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	for dir, want := range map[string]string{
		"/home/ann/orders": "orders", "/home/ann/my function": "my-function", "/": "function", "/home/é": "function",
		"/x/" + strings.Repeat("a", 70): strings.Repeat("a", 64), "/x/A_b-9.d": "A_b-9-d",
	} {
		if got := Name(dir); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
	for asked, want := range map[string]bool{
		"orders": true, "function": true, "orders:$LATEST": true, "stock": false, "": false, "orders2": false,
		"arn:aws:lambda:eu-central-1:123456789012:function:orders":    true,
		"arn:aws:lambda:eu-central-1:123456789012:function:orders:13": true,
		"arn:aws:lambda:eu-central-1:123456789012:function:stock":     false,
		"123456789012:function:orders":                                true,
	} {
		if got := isFunction(asked, "orders"); got != want {
			t.Errorf("%s: %v", asked, got)
		}
	}
}
