// Command floor is the least that an extension can be: it registers and calls
// next until SHUTDOWN. What others cost beyond it is their own.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension"
	req, err := http.NewRequest(http.MethodPost, base+"/register",
		strings.NewReader(`{"events":["INVOKE","SHUTDOWN"]}`))
	if err != nil {
		os.Exit(1)
	}
	req.Header.Set("Lambda-Extension-Name", filepath.Base(os.Args[0]))
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		os.Exit(1)
	}
	resp.Body.Close()
	id := resp.Header.Get("Lambda-Extension-Identifier")
	for {
		req, err := http.NewRequest(http.MethodGet, base+"/event/next", nil)
		if err != nil {
			os.Exit(1)
		}
		req.Header.Set("Lambda-Extension-Identifier", id)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			os.Exit(1)
		}
		var event struct{ EventType string }
		err = json.NewDecoder(resp.Body).Decode(&event)
		resp.Body.Close()
		if err != nil || event.EventType == "SHUTDOWN" {
			return
		}
	}
}
