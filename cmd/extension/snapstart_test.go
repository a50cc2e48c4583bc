package main_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// counted puts a door before a server that counts who comes in.
func counted(t *testing.T, server string) (url string, connections *atomic.Int64) {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { door.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			in, err := door.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			out, err := net.Dial("tcp", strings.TrimPrefix(server, "http://"))
			if err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(out, in); out.Close() }()
			go func() { io.Copy(in, out); in.Close() }()
		}
	}()
	return "http://" + door.Addr().String(), connections
}

// TestNoConnectionBeforeASnapshot: one in the snapshot would be dead in every
// clone. Init prints more than what is otherwise sent at once, and goes on for
// as long as sending it would take.
func TestNoConnectionBeforeASnapshot(t *testing.T) {
	var connections *atomic.Int64
	env, server := start(t, func(c *lambda.Config) {
		c.InitializationType = "snap-start"
		c.FunctionEnv[scriptfn.Init] = fmt.Sprintf(`[{"print":%q,"times":1000,"number":true},{"sleep_ms":500}]`, line)
		c.Env["AWS_ENDPOINT_URL_DYNAMODB"], connections = counted(t, c.Env["AWS_ENDPOINT_URL_DYNAMODB"])
	})
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to DynamoDB before the snapshot", n)
	}
	invoke(t, env, print(line, 3))
	if connections.Load() == 0 {
		t.Error("none after it either: this test does not see them")
	}
	shutDown(t, env)
	if n := len(server.Items("logtable-info")); n != 1003 {
		t.Errorf("%d of 1003 rows", n)
	}
}
