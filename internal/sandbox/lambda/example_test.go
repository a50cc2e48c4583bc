package lambda_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// A function is started with its environment, invoked twice, and shut down. Set
// Config.Extension to the path of an external extension to see it judged: what
// Lambda would refuse is in Violations.
func ExampleStart() {
	self, err := os.Executable() // this test's binary is the function, too
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	env, err := lambda.Start(ctx, lambda.Config{
		FunctionName: "orders",
		Function:     []string{self},
		FunctionEnv:  map[string]string{scriptfn.Switch: "1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer env.Kill()
	for _, payload := range []string{`{"order":1}`, `{"steps":[{"print":"hello"},{"respond":{"ok":true}}]}`} {
		result, err := env.Invoke(ctx, []byte(payload))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", result.Status, result.Payload)
	}
	end, err := env.Shutdown(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, function's output: %q, rules broken: %d\n", end.Reason, env.FunctionOutput(), len(env.Violations()))
	// Output:
	// success {"order":1}
	// success {"ok":true}
	// spindown, function's output: "hello\n", rules broken: 0
}
