package lambda

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// withDefaults checks c and fills in what is not set.
func (c Config) withDefaults() (Config, error) {
	if len(c.Function) == 0 {
		return c, errors.New("cannot start: Config.Function is empty; give the command that runs the function")
	}
	if c.Extension != "" {
		if err := checkExecutable(c.Extension); err != nil {
			return c, fmt.Errorf("cannot use the extension: %w", err)
		}
	}
	for _, path := range c.Others {
		if err := checkExecutable(path); err != nil {
			return c, fmt.Errorf("cannot use another extension: %w", err)
		}
	}
	if c.managed() {
		setDefault(&c.InitializationType, typeManaged)
		c.LogFormat = "JSON"
	}
	setDefault(&c.InitializationType, typeOnDemand)
	if c.InitializationType == typeSnapStart {
		setDefault(&c.CredentialsLife, time.Hour)
	}
	if err := c.checkMode(); err != nil {
		return c, err
	}
	setDefault(&c.LogFormat, "Text")
	if c.LogFormat != "Text" && c.LogFormat != "JSON" {
		return c, fmt.Errorf("cannot use LogFormat %q: write Text or JSON", c.LogFormat)
	}
	if err := checkCustomerEnv(c.Env); err != nil {
		return c, err
	}
	if c.Dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return c, fmt.Errorf("cannot find the working directory: %w", err)
		}
		c.Dir = wd
	}
	setDefault(&c.FunctionName, "function")
	setDefault(&c.FunctionVersion, "$LATEST")
	setDefault(&c.Handler, "index.handler")
	setDefault(&c.Region, "eu-central-1")
	setDefault(&c.AccountID, "123456789012")
	setDefault(&c.MemoryMB, 128)
	setDefault(&c.Timeout, 3*time.Second)
	setDefault(&c.InitTimeout, 10*time.Second)
	setDefault(&c.ShutdownBudget, 2*time.Second)
	setDefault(&c.MaxRecord, 256<<10-26)
	setDefault(&c.Telemetry.Buffer, 16<<20)
	setDefault(&c.Telemetry.Backoff, 20*time.Millisecond)
	return c, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// checkExecutable refuses what Lambda's launch of /opt/extensions would fail
// on.
func checkExecutable(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() || fi.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file; build it, or set mode 0755", path)
	}
	return nil
}

// checkMode refuses settings that do not go together.
func (c Config) checkMode() error {
	switch {
	case c.Concurrency < 0:
		return fmt.Errorf("cannot run %d invocations at a time", c.Concurrency)
	case c.managed() != (c.InitializationType == typeManaged):
		return fmt.Errorf("cannot start as %s with Concurrency %d: managed instances have one, the other modes none",
			c.InitializationType, c.Concurrency)
	case c.managed() && c.Freeze:
		return errors.New("cannot freeze a managed instance: Lambda never does")
	}
	switch c.InitializationType {
	case typeOnDemand, typeProvisioned, typeSnapStart, typeManaged:
		return nil
	}
	return fmt.Errorf("cannot start as %q: Lambda has no such initialization type", c.InitializationType)
}
