package runtimes_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/runtimes"
	"github.com/logtable/logtable/internal/testkit"
)

// installTimeout bounds an installation; the longest, which compiles AWS's
// client for Node.js, takes a minute on two cores.
const installTimeout = 8 * time.Minute

// A function is what the sandbox needs to start a sample.
type function struct {
	command  []string
	dir      string
	handler  string
	env      map[string]string
	payload  string   // instead of the usual event
	payloads []string // one for each invocation
}

// A runtimeClient is what takes invocations to samples of one language.
type runtimeClient struct {
	name string // as in the table of docs/languages.md
	// frames: as one of Lambda's managed runtimes it logs through the framed
	// channel, in a container image through stdout.
	frames bool
	start  func(t *testing.T, s sample, logFormat string) function
	// loop is this package's stand-in for the client, if it has one: what it
	// prints must become the same rows.
	loop func(dir string) (command []string, err error)
}

var (
	awslambdaric = &runtimeClient{name: "awslambdaric", frames: true, start: startPython, loop: runtimes.Python}
	nodeRIC      = &runtimeClient{name: "aws-lambda-ric", frames: true, start: startNode, loop: runtimes.Node}
	javaRIC      = &runtimeClient{name: "aws-lambda-java-runtime-interface-client", frames: true, start: startJava}
	awsLambdaGo  = &runtimeClient{name: "aws-lambda-go", start: startGo}
	lambdaRust   = &runtimeClient{name: "lambda_runtime", start: startRust}
	rubyLoop     = &runtimeClient{name: "own loop", start: startRuby}
	phpLoop      = &runtimeClient{name: "own loop", start: startPHP}
	bashLoop     = &runtimeClient{name: "the sample itself", start: startBash}
	recorded     = &runtimeClient{name: "recorded lines", start: startRecorded}
)

func startPython(t *testing.T, s sample, _ string) function {
	python := testkit.Program(t, "python3")
	lib := installed(t, "python", []string{"testdata/python/requirements.txt"}, func(dir string) error {
		return run(dir, nil, python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", ".", "-r",
			abs("testdata/python/requirements.txt"))
	})
	return function{
		command: []string{python, "-m", "awslambdaric", s.handler}, handler: s.handler, dir: filepath.Dir(s.file()),
		env: map[string]string{"PYTHONPATH": lib, "PYTHONDONTWRITEBYTECODE": "1"},
	}
}

func startNode(t *testing.T, s sample, _ string) function {
	node, npm := testkit.Program(t, "node"), testkit.Program(t, "npm")
	lib := installed(t, "node", []string{"testdata/node/package.json"}, func(dir string) error {
		if err := copyFile("testdata/node/package.json", dir); err != nil {
			return err
		}
		return run(dir, nil, npm, "install", "--omit=optional", "--no-audit", "--no-fund", "--no-package-lock",
			"--loglevel=error")
	})
	// A module finds its packages beside itself.
	dir := t.TempDir()
	check(t, copyFile(s.file(), dir))
	check(t, os.Symlink(filepath.Join(lib, "node_modules"), filepath.Join(dir, "node_modules")))
	return function{
		command: []string{node, filepath.Join(lib, "node_modules/aws-lambda-ric/index.mjs"), s.handler},
		handler: s.handler, dir: dir,
	}
}

func startJava(t *testing.T, s sample, _ string) function {
	java, javac, mvn := testkit.Program(t, "java"), testkit.Program(t, "javac"), testkit.Program(t, "mvn")
	lib := installed(t, "java-libraries", []string{"testdata/java/pom.xml"}, func(dir string) error {
		pom := abs("testdata/java/pom.xml")
		err := run(dir, nil, mvn, "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
		if err != nil {
			return err
		}
		return unpackJNI(dir)
	})
	sources, err := filepath.Glob("testdata/java/*.java")
	check(t, err)
	sources = append(sources, "../../../examples/java/Handler.java")
	classes := installed(t, "java-classes", append(sources, "testdata/java/pom.xml"), func(dir string) error {
		compile := []string{javac, "-encoding", "UTF-8", "-cp", lib + "/*", "-d", dir}
		for _, source := range sources {
			compile = append(compile, abs(source))
		}
		return run(dir, nil, compile...)
	})
	// Log4j and Logback are on one class path, so each is told its own.
	provider := "org.apache.logging.slf4j.SLF4JServiceProvider"
	if strings.HasPrefix(filepath.Base(s.path), "logback") {
		provider = "ch.qos.logback.classic.spi.LogbackServiceProvider"
	}
	env := map[string]string{"POWERTOOLS_SERVICE_NAME": "orders"}
	command := []string{java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dslf4j.provider=" + provider,
		"-Dslf4j.internal.verbosity=WARN"}
	if filepath.Ext(s.path) == ".xml" {
		env["LOG4J_CONFIGURATION_FILE"] = s.file()
		command = append(command, "-Dlogback.configurationFile="+s.file())
	}
	// Opened as in Lambda's managed runtimes: the client makes a file of the
	// log channel's descriptor by reflection.
	command = append(command, "--add-opens", "java.base/java.io=ALL-UNNAMED",
		"-Dcom.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI="+filepath.Join(lib, jniName),
		"-cp", classes+string(os.PathListSeparator)+lib+"/*",
		"com.amazonaws.services.lambda.runtime.api.client.AWSLambda", s.handler)
	return function{command: command, handler: s.handler, dir: t.TempDir(), env: env}
}

const jniName = "libaws-lambda-jni.so"

// unpackJNI takes AWS's native library out of its jar. By itself each process
// would unpack it to one and the same file on /tmp, under the feet of the
// others.
func unpackJNI(dir string) error {
	jars, err := filepath.Glob(filepath.Join(dir, "aws-lambda-java-runtime-interface-client-*.jar"))
	if err != nil || len(jars) != 1 {
		return fmt.Errorf("cannot find the runtime client's jar in %s: %v", dir, jars)
	}
	jar, err := zip.OpenReader(jars[0])
	if err != nil {
		return err
	}
	defer jar.Close()
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch_64"}[runtime.GOARCH]
	library, err := fs.ReadFile(jar, "jni/libaws-lambda-jni."+runtime.GOOS+"-"+arch+".so")
	if err != nil {
		return fmt.Errorf("AWS's runtime client for Java does not run on this system: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, jniName), library, 0o755)
}

func startGo(t *testing.T, s sample, _ string) function {
	builds.Lock()
	defer builds.Unlock()
	binary := filepath.Join(scratch, strings.ReplaceAll(s.path, "/", "-"))
	if _, err := os.Stat(binary); err != nil {
		check(t, run(filepath.Dir(s.file()), nil, testkit.Program(t, "go"), "build", "-o", binary, "."))
	}
	return function{command: []string{binary}, handler: "bootstrap", dir: scratch}
}

var builds sync.Mutex // of Go samples

func startRust(t *testing.T, s sample, _ string) function {
	cargo := testkit.Program(t, "cargo")
	manifest, name := "testdata/rust/Cargo.toml", strings.TrimSuffix(filepath.Base(s.path), ".rs")
	if !strings.Contains(s.path, "testdata") {
		manifest, name = filepath.Join(filepath.Dir(s.file()), "../Cargo.toml"), "bootstrap"
	}
	root := filepath.Dir(manifest)
	sources, err := filepath.Glob(filepath.Join(root, "src", "*.rs"))
	check(t, err)
	more, err := filepath.Glob(filepath.Join(root, "src/bin/*.rs"))
	check(t, err)
	// Both manifests share what they compile.
	target := filepath.Join(cacheDir(t), "rust-target")
	dir := installed(t, "rust", append(append(sources, more...), manifest), func(dir string) error {
		if err := run(dir, nil, "cp", "-R", abs(root)+"/.", "."); err != nil {
			return err
		}
		env := []string{"CARGO_TARGET_DIR=" + target, "CARGO_PROFILE_DEV_DEBUG=0"}
		if err := run(dir, env, cargo, "build", "-q"); err != nil {
			return err
		}
		binaries := []string{"bootstrap"}
		for _, source := range more {
			binaries = append(binaries, strings.TrimSuffix(filepath.Base(source), ".rs"))
		}
		if len(more) > 0 {
			binaries = binaries[1:] // no src/main.rs
		}
		for _, binary := range binaries {
			if err := copyFile(filepath.Join(target, "debug", binary), dir); err != nil {
				return err
			}
		}
		return nil
	})
	return function{command: []string{filepath.Join(dir, name)}, handler: "bootstrap", dir: dir}
}

func startRuby(t *testing.T, s sample, _ string) function {
	return function{
		command: []string{testkit.Program(t, "ruby"), abs("testdata/ruby/loop.rb")}, handler: s.handler,
		dir: filepath.Dir(s.file()),
	}
}

func startPHP(t *testing.T, s sample, _ string) function {
	if strings.Contains(s.path, "monolog") {
		_, err := os.Stat("/usr/share/php/Monolog/autoload.php")
		testkit.Component(t, "Monolog (Debian's php-monolog)", err)
	}
	return function{
		command: []string{testkit.Program(t, "php"), abs("testdata/php/loop.php")}, handler: filepath.Base(s.path),
		dir: filepath.Dir(s.file()),
	}
}

func startBash(t *testing.T, s sample, _ string) function {
	testkit.Program(t, "curl")
	return function{command: []string{testkit.Program(t, "bash"), s.file()}, handler: "bootstrap",
		dir: filepath.Dir(s.file())}
}

// startRecorded has this test binary print the lines of a file. Where the
// log formats differ, the file's name has a * in its place.
func startRecorded(t *testing.T, s sample, logFormat string) function {
	self, err := os.Executable()
	check(t, err)
	lines, err := os.ReadFile(strings.ReplaceAll(s.file(), "*", strings.ToLower(logFormat)))
	check(t, err)
	type step map[string]any
	var steps []step
	for line := range strings.Lines(string(lines)) {
		steps = append(steps, step{"print": strings.TrimSuffix(line, "\n")})
	}
	if s.dies != "" {
		steps = append(steps, step{"error": map[string]string{"errorType": "FormatException", "errorMessage": "seven"}})
	}
	payload, err := json.Marshal(map[string]any{"steps": steps})
	check(t, err)
	return function{
		command: []string{self}, handler: "recorded", dir: t.TempDir(),
		env: map[string]string{scriptfn.Switch: "1"}, payload: string(payload),
	}
}

// file is the path of the sample's source on this machine.
func (s sample) file() string { return abs(filepath.Join("../../..", s.path)) }

var installing sync.Map // by name: a *sync.Mutex

// installed returns a directory of the user's cache that fill has filled, once
// for each state of the files. What cannot be installed is a missing component.
func installed(t *testing.T, name string, files []string, fill func(dir string) error) string {
	t.Helper()
	one, _ := installing.LoadOrStore(name, new(sync.Mutex))
	one.(*sync.Mutex).Lock()
	defer one.(*sync.Mutex).Unlock()
	sum := sha256.New()
	for _, f := range files {
		data, err := os.ReadFile(f)
		check(t, err)
		fmt.Fprintf(sum, "%d %s", len(data), data)
	}
	dir := filepath.Join(cacheDir(t), name+"-"+hex.EncodeToString(sum.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	// Filled beside and renamed: another process may do the same meanwhile.
	work, err := os.MkdirTemp(cacheDir(t), name+"-")
	check(t, err)
	defer os.RemoveAll(work)
	testkit.Component(t, "runtime client and loggers for "+name, fill(work))
	if err := os.Rename(work, dir); err != nil {
		if _, gone := os.Stat(dir); gone != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func cacheDir(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	check(t, err)
	dir = filepath.Join(dir, "logtable-tests", "clients")
	check(t, os.MkdirAll(dir, 0o755))
	return dir
}

func run(dir string, env []string, command ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

func copyFile(path, dir string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, filepath.Base(path)), data, info.Mode())
}

func abs(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		panic(err) // the working directory is gone
	}
	return path
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
