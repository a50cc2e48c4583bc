package lambda

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"time"
)

// Initialization types, as AWS_LAMBDA_INITIALIZATION_TYPE and the telemetry
// schema have them.
const (
	typeOnDemand    = "on-demand"
	typeProvisioned = "provisioned-concurrency"
	typeSnapStart   = "snap-start"
	typeManaged     = "lambda-managed-instances"
)

const (
	typeRestoreStart       = "platform.restoreStart"
	typeRestoreRuntimeDone = "platform.restoreRuntimeDone"
	typeRestoreReport      = "platform.restoreReport"

	// pathCredentials is where processes that may live in many clones ask for
	// credentials, which would be the snapshot's own otherwise.
	pathCredentials = "/2021-04-23/credentials"
)

type (
	restoreStartRecord struct {
		FunctionName      string `json:"functionName"`
		FunctionVersion   string `json:"functionVersion"`
		InstanceID        string `json:"instanceId"`
		InstanceMaxMemory int    `json:"instanceMaxMemory"`
		RuntimeVersion    string `json:"runtimeVersion"`
	}
	restoreRuntimeDoneRecord struct {
		Status string `json:"status"`
	}
	restoreReportRecord struct {
		Status  string  `json:"status"`
		Metrics metrics `json:"metrics"`
	}
	credentials struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string `json:"SecretAccessKey"`
		Token           string `json:"Token"`
		Expiration      string `json:"Expiration"`
	}
)

// snapshot stops everything after init, when init's telemetry has been
// delivered, as when a version is published. What a snapshot does to sockets
// and clocks is not imitated, and there is only one clone of it: this process.
func (in *instance) snapshot(ctx context.Context) {
	in.relay.flush()
	in.relay.settled(ctx)
	in.freeze()
	in.update(func() { in.snapshotted = true })
}

// restore is what precedes the first invocation of a clone. No extension is
// told by an event of its own.
func (in *instance) restore() {
	restored := false
	in.update(func() { restored, in.snapshotted = in.snapshotted, false })
	if !restored {
		return
	}
	began := time.Now()
	cfg := in.env.cfg
	in.relay.emit(typeRestoreStart, restoreStartRecord{
		FunctionName: cfg.FunctionName, FunctionVersion: cfg.FunctionVersion, InstanceID: in.logStream(),
		InstanceMaxMemory: cfg.MemoryMB << 20, RuntimeVersion: "sandbox.v1",
	})
	in.thaw()
	in.relay.emit(typeRestoreRuntimeDone, restoreRuntimeDoneRecord{StatusSuccess})
	in.relay.emit(typeRestoreReport, restoreReportRecord{StatusSuccess, metrics{DurationMs: millis(time.Since(began))}})
}

// credentials answers who has the token; the others are not told what is here.
func (in *instance) credentials(c *call) answer {
	if a, hooked := in.hook(c, "credentials asked for", in.env.cfg.Hooks.Credentials); hooked {
		return a
	}
	if subtle.ConstantTimeCompare([]byte(c.Header.Get("Authorization")), []byte(in.token)) != 1 {
		return in.refuse(c, http.StatusNotFound, "NotFound", "wrong token for credentials")
	}
	n := in.env.log.count("credentials")
	return ok(credentials{
		AccessKeyID: fmt.Sprintf("SANDBOXROTATING%05d", n), SecretAccessKey: "sandbox-secret-key-not-a-real-one-000000",
		Token:      "sandbox-session-token",
		Expiration: time.Now().Add(in.env.cfg.CredentialsLife).UTC().Format(time.RFC3339),
	})
}

// credentialsEnv replaces the credentials in a process's environment by the
// way to them, where they are exchanged during the environment's life.
func (in *instance) credentialsEnv(env map[string]string) {
	if in.env.cfg.CredentialsLife == 0 {
		return
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		delete(env, name)
	}
	env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://" + in.address + pathCredentials
	env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = in.token
}

// settled waits until every subscriber has acknowledged everything.
func (r *relay) settled(ctx context.Context) {
	r.traffic.await(ctx, func() bool { return r.undelivered() == 0 })
}
