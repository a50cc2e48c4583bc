package dynamo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/awsenv"
)

// strangers answers every connection with the same bytes, and then does with it
// what after says.
func strangers(t *testing.T, answer string, after func(net.Conn)) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					req.Body.Close()
					_, _ = conn.Write([]byte(answer))
					after(conn)
				}
			}()
		}
	}()
	return New(load(t, map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL_DYNAMODB": "http://" + listener.Addr().String(),
	}))
}

// The status of an answer counts, whatever becomes of its body: a proxy that
// refuses a large request may end the connection in the middle of saying so.
func TestAnErrorWithoutTheWholeBodyHasItsStatus(t *testing.T) {
	for name, answer := range map[string]string{
		"broken off": "Content-Length: 100\r\n\r\n<html>",
		"too long": "Content-Length: " + fmt.Sprint(maxAnswer+1) + "\r\n\r\n" +
			strings.Repeat("x", maxAnswer+1),
		"another checksum": "X-Amz-Crc32: 1\r\nContent-Length: 6\r\n\r\n<html>",
	} {
		t.Run(name, func(t *testing.T) {
			c := strangers(t, "HTTP/1.1 413 Too Large\r\n"+answer, func(net.Conn) {})
			_, err := c.Call(t.Context(), "BatchWriteItem", []byte(`{}`))
			if f := awsenv.FailureOf(err); f.Status != http.StatusRequestEntityTooLarge || f.Code != "" {
				t.Errorf("got %v, want the status 413", err)
			}
		})
	}
	t.Run("late", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		c := strangers(t, "HTTP/1.1 503 Unavailable\r\nContent-Length: 100\r\n\r\n<html>", func(conn net.Conn) {
			cancel(context.DeadlineExceeded)
			_, _ = conn.Read(make([]byte, 1))
		})
		_, err := c.Call(ctx, "BatchWriteItem", []byte(`{}`))
		if f := awsenv.FailureOf(err); f.Status != 0 && f.Status != 503 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the status 503 and the cause", err)
		}
	})
}

// A 2xx that is not a JSON object is not DynamoDB's.
func TestASuccessThatIsNotDynamoDBs(t *testing.T) {
	for _, body := range []string{"", "<html>Welcome</html>", "null", "[]", `"x"`, `{"a":`, `{} trailing`} {
		a := &answering{status: 200, body: body}
		if got, err := client(t, a).Call(t.Context(), "UpdateItem", []byte(`{}`)); !errors.Is(err, ErrForeignAnswer) {
			t.Errorf("%q: got %q and %v", body, got, err)
		}
	}
	a := &answering{status: 200, body: " \n{\"a\": 1}\n"}
	if _, err := client(t, a).Call(t.Context(), "UpdateItem", []byte(`{}`)); err != nil {
		t.Errorf("white space around an answer: %v", err)
	}
}

// Whoever would talk another protocol over the connection is left at once: no
// context ends the reading of what net/http takes for the caller's connection.
func TestNobodySwitchesTheProtocol(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	left := make(chan struct{})
	c := strangers(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
		func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			close(left)
		})
	done := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, "BatchWriteItem", []byte(`{}`))
		done <- err
	}()
	select {
	case err := <-done:
		if f := awsenv.FailureOf(err); f.Status != http.StatusSwitchingProtocols {
			t.Errorf("got %v, want the status 101", err)
		}
		<-left
	case <-ctx.Done():
		t.Error("the call is still reading")
	}
}
