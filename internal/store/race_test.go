//go:build race

package store_test

// What one partition refuses of a thousand environments are 300,000 requests,
// minutes under the race detector.
func init() { incidents = []incident{{shards: 8}, {shards: 8, vanish: "killed"}} }
