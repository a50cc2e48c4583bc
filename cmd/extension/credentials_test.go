package main_test

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/logtable/logtable/internal/sandbox/lambda"
)

// credentialsFaults are what the credentials endpoint may say instead of
// credentials; "ok" is those.
var credentialsFaults = map[string]*lambda.Answer{
	"ok":    nil,
	"500":   {Status: 500, ErrorType: "InternalError", Message: "try again"},
	"403":   {Status: 403, Body: `{"code":"AccessDenied","message":"not your token"}`},
	"html":  {Status: 200, Body: "<html><body>sign in</body></html>"},
	"empty": {Status: 200, Body: "{}"},
	"null":  {Status: 200, Body: "null"},
	"reset": {Reset: true},
	"hang":  {Hang: true},
}

// credentialsAnswers has the endpoint answer by a list of the words above,
// separated by commas, from its beginning again after its end.
func credentialsAnswers(ts *testscript.TestScript, list string) func(lambda.Call) *lambda.Answer {
	words := strings.Split(list, ",")
	for _, word := range words {
		if _, known := credentialsFaults[word]; !known {
			ts.Fatalf("unknown answer %s of the credentials endpoint", word)
		}
	}
	return func(c lambda.Call) *lambda.Answer { return credentialsFaults[words[(c.Number-1)%len(words)]] }
}
